package main

// byFile: parts of operations on the same file, in order of their first operations.
func byFile(operations []*operation) [][]*operation {
	return connected(operations, func(o *operation) []string { return []string{o.Call.File} })
}

// connected: parts of operations that have a key in common, be it by way of others. Each has one key at least.
func connected(operations []*operation, keys func(*operation) []string) [][]*operation {
	parent := map[string]string{}
	find := func(key string) string {
		for {
			above, known := parent[key]
			if !known || above == key {
				return key
			}
			key = above
		}
	}
	for _, one := range operations {
		mine := keys(one)
		for _, key := range mine[1:] {
			parent[find(key)] = find(mine[0])
		}
	}
	places := map[string]int{}
	var parts [][]*operation
	for _, one := range operations {
		root := find(keys(one)[0])
		at, known := places[root]
		if !known {
			at = len(parts)
			places[root] = at
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], one)
	}
	return parts
}

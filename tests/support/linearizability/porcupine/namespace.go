package main

import (
	"fmt"
	"log"
	"sort"
	"strconv"
	"strings"
)

// Names in directories, and the objects behind them.
type namespace struct {
	operations []*operation
	roots      map[string]bool // directories that exist, empty, from the beginning, and stay
	made       map[string]bool // objects that some answered operation certainly made
	watched    map[string]bool // roots of which somebody is told more than single entries
	silent     bool            // there are operations without an answer that may have made an object
}

type place struct{ directory, name string }

// A bound on a change attribute, which only grows: it is at least so much, or exactly that.
type bound struct {
	least int64
	exact bool
}

// An inode is a file, or an empty directory. With 0 links it is gone, or lives on while somebody has it open.
type inode struct {
	directory bool
	links     uint64
	size      uint64
	change    bound
}

type tree struct {
	entries map[place]string  // -> object
	objects map[string]inode  // also those of "?3", say: made by operation 3, which has no answer
	changes map[string]bound  // of roots
	seen    map[string]string // objects made without an answer -> the ID by which they were seen, "" as long as not
}

func newNamespace(h *history) model {
	m := &namespace{roots: map[string]bool{}, made: map[string]bool{}, watched: map[string]bool{}}
	for _, directory := range h.Directories {
		m.roots[directory] = true
	}
	loose := map[string]bool{}            // roots some change of which was answered without change_info4
	named := map[string]map[string]bool{} // all names in a root
	for _, one := range h.operations {
		for _, at := range one.places() {
			if !m.roots[at.directory] {
				log.Fatalf("operation %d: a name in directory %q, which the history does not begin with",
					one.number, at.directory)
			}
			if named[at.directory] == nil {
				named[at.directory] = map[string]bool{}
			}
			named[at.directory][at.name] = true
		}
		if one.succeeded() {
			for directory, told := range one.told() {
				if told == nil {
					loose[directory] = true
				}
			}
			if one.is("mkdir") || (one.is("create") && (one.Call.How != "unchecked" || grew(one.Answer.Moved))) {
				m.made[*one.Answer.Object] = true
			}
		}
		m.silent = m.silent || (one.Answer == nil && one.is("create", "mkdir"))
	}
	for _, one := range h.operations {
		switch {
		case one.is("lookup", "getattr", "readdir") && one.Answer == nil: // nobody knows what it saw
		case one.is("readdir") && one.succeeded() && (loose[one.Call.Directory] || !*one.Call.Whole):
			m.operations = append(m.operations, apart(one, named[one.Call.Directory])...)
		case one.is("create", "mkdir", "lookup", "readdir", "rename", "link", "remove", "setsize", "getattr"):
			m.operations = append(m.operations, one)
		}
	}
	for _, one := range m.operations {
		if one.is("readdir") {
			m.watched[one.Call.Directory] = true
		}
		if one.is("getattr") && m.roots[one.Call.Object] {
			m.watched[one.Call.Object] = true
		}
		for directory, told := range one.told() {
			if told != nil {
				m.watched[directory] = true
			}
		}
	}
	return m
}

// apart: a listing that was not one look, as one look at each entry.
func apart(o *operation, names map[string]bool) []*operation {
	var looks []*operation
	for name := range names {
		look := *o
		look.Call = call{Call: "lookup", Directory: o.Call.Directory, Name: name}
		look.Answer = &answer{Status: noEnt}
		if object, found := o.Answer.Entries[name]; found {
			look.Answer = &answer{Object: &object}
		}
		looks = append(looks, &look)
	}
	sort.Slice(looks, func(i, j int) bool { return looks[i].Call.Name < looks[j].Call.Name })
	return looks
}

// places: entries that the operation names or shows.
func (o *operation) places() []place {
	switch {
	case o.is("create", "mkdir", "lookup", "link", "remove"):
		return []place{o.place()}
	case o.is("rename"):
		return []place{o.place(), o.target()}
	case o.is("readdir") && o.Answer != nil:
		var all []place
		for name := range o.Answer.Entries {
			all = append(all, place{o.Call.Directory, name})
		}
		return all
	}
	return nil
}

// told: roots that the operation changes, if it was not refused, with change_info4 where it was atomic.
func (o *operation) told() map[string]*[2]int64 {
	if !o.is("create", "mkdir", "rename", "link", "remove") {
		return nil
	}
	told := map[string]*[2]int64{}
	reported := answer{}
	if o.Answer != nil {
		reported = *o.Answer
	}
	if o.is("rename") {
		told[o.Call.ToDirectory] = reported.MovedTarget
	}
	told[o.Call.Directory] = reported.Moved
	return told
}

func grew(told *[2]int64) bool { return told != nil && told[0] < told[1] }

// shown: objects that the operation names or shows.
func (o *operation) shown() []string {
	var all []string
	if o.is("link", "setsize", "getattr") {
		all = append(all, o.Call.Object)
	}
	if o.Answer != nil && o.Answer.Object != nil {
		all = append(all, *o.Answer.Object)
	}
	if o.Answer != nil {
		for _, object := range o.Answer.Entries {
			all = append(all, object)
		}
	}
	return all
}

func (m *namespace) name() string { return "namespace" }

// parts: an object gets from name to name only by operations that name both, or the object.
func (m *namespace) parts() [][]*operation {
	return connected(m.operations, func(o *operation) []string {
		var keys []string
		for _, at := range o.places() {
			if m.watched[at.directory] {
				keys = append(keys, "directory "+at.directory)
			} else {
				keys = append(keys, "entry "+at.directory+"/"+at.name)
			}
		}
		if o.is("readdir") {
			keys = append(keys, "directory "+o.Call.Directory)
		}
		unexplained := o.Answer == nil && o.is("create", "mkdir")
		for _, object := range o.shown() {
			if m.roots[object] {
				keys = append(keys, "directory "+object)
			} else {
				keys = append(keys, "object "+object)
				unexplained = unexplained || !m.made[object]
			}
		}
		if unexplained && m.silent {
			keys = append(keys, "objects made by who knows whom")
		}
		return keys
	})
}

func (m *namespace) begin() state {
	return &tree{map[place]string{}, map[string]inode{}, map[string]bound{}, map[string]string{}}
}

func (m *namespace) step(before state, o *operation) []state {
	t := before.(*tree)
	var after []*tree
	switch o.Call.Call {
	case "create", "mkdir":
		after = m.create(t, o)
	case "lookup":
		after = m.lookup(t, o)
	case "readdir":
		after = m.readDir(t, o)
	case "remove":
		after = m.remove(t, o)
	case "rename":
		after = m.rename(t, o)
	case "link":
		after = m.onObject(t, o, m.link)
	case "setsize":
		after = m.onObject(t, o, m.setSize)
	case "getattr":
		after = m.onObject(t, o, m.getAttr)
	}
	var states []state
	for _, one := range after {
		states = append(states, one)
	}
	return states
}

var impossible []*tree

// when: the state itself if the condition holds, for an operation that changes nothing.
func (t *tree) when(condition bool) []*tree {
	if condition {
		return []*tree{t}
	}
	return impossible
}

func (m *namespace) create(t *tree, o *operation) []*tree {
	directory := o.is("mkdir")
	unchecked := !directory && o.Call.How == "unchecked"
	current, there := t.entries[o.place()]
	if o.Answer == nil {
		if there {
			return impossible // or without an effect, which comes to the same
		}
		return m.make(t, o, "?"+strconv.Itoa(o.number), nil)
	}
	switch o.Answer.Status {
	case exist:
		return t.when(there && !unchecked)
	case isDir:
		return t.when(!directory && there && t.objects[current].directory)
	case ok:
	default:
		return impossible
	}
	if !there {
		return m.make(t, o, *o.Answer.Object, o.Answer.Moved)
	}
	if !unchecked || t.objects[current].directory {
		return impossible
	}
	after := t.copy()
	if !m.same(after, current, *o.Answer.Object) || !after.stayed(o.Call.Directory, o.Answer.Moved) {
		return impossible
	}
	return []*tree{after}
}

func (m *namespace) make(t *tree, o *operation, id string, told *[2]int64) []*tree {
	if m.roots[id] || t.known(id) {
		return impossible // an ID is never given twice
	}
	after := t.copy()
	if !after.changed(o.Call.Directory, told) {
		return impossible
	}
	after.entries[o.place()] = id
	after.objects[id] = inode{directory: o.is("mkdir"), links: 1}
	if o.Answer == nil {
		after.seen[id] = ""
	}
	return []*tree{after}
}

func (m *namespace) lookup(t *tree, o *operation) []*tree {
	current, there := t.entries[o.place()]
	if o.Answer.Status != ok {
		return t.when(o.Answer.Status == noEnt && !there)
	}
	after := t.copy()
	return after.when(there && m.same(after, current, *o.Answer.Object))
}

func (m *namespace) readDir(t *tree, o *operation) []*tree {
	count := 0
	for at := range t.entries {
		if at.directory == o.Call.Directory {
			count++
		}
	}
	if o.Answer.Status != ok || count != len(o.Answer.Entries) {
		return impossible
	}
	after := t.copy()
	for name, object := range o.Answer.Entries {
		current, there := after.entries[place{o.Call.Directory, name}]
		if !there || !m.same(after, current, object) {
			return impossible
		}
	}
	return []*tree{after}
}

func (m *namespace) remove(t *tree, o *operation) []*tree {
	current, there := t.entries[o.place()]
	if o.Answer != nil && o.Answer.Status == noEnt {
		return t.when(!there)
	}
	if !there || (o.Answer != nil && o.Answer.Status != ok) {
		return impossible
	}
	after := t.copy()
	delete(after.entries, o.place())
	after.touch(current, -1)
	return after.when(after.changed(o.Call.Directory, o.told()[o.Call.Directory]))
}

func (m *namespace) rename(t *tree, o *operation) []*tree {
	source, there := t.entries[o.place()]
	target, occupied := t.entries[o.target()]
	if o.Answer != nil && o.Answer.Status == noEnt {
		return t.when(!there)
	}
	if !there {
		return impossible
	}
	differ := occupied && t.objects[target].directory != t.objects[source].directory
	if o.Answer != nil && o.Answer.Status == exist {
		return t.when(differ)
	}
	if differ || (o.Answer != nil && o.Answer.Status != ok) {
		return impossible
	}
	after := t.copy()
	alter := after.changed
	if occupied && source == target { // two names of one object: nothing happens
		alter = after.stayed
	} else {
		if occupied {
			after.touch(target, -1)
		}
		delete(after.entries, o.place())
		after.entries[o.target()] = source
		after.touch(source, 0)
	}
	for directory, told := range o.told() {
		if !alter(directory, told) {
			return impossible
		}
	}
	return []*tree{after}
}

// onObject: an ID that is not known yet may be that of any object that was made without an answer and not been seen.
func (m *namespace) onObject(t *tree, o *operation, step func(*tree, *operation) []*tree) []*tree {
	after := step(t, o)
	if m.roots[o.Call.Object] || m.made[o.Call.Object] || t.known(o.Call.Object) {
		return after
	}
	for silent, id := range t.seen {
		if id == "" {
			known := t.copy()
			known.seen[silent] = o.Call.Object
			after = append(after, step(known, o)...)
		}
	}
	return after
}

func (m *namespace) link(t *tree, o *operation) []*tree {
	_, occupied := t.entries[o.place()]
	id, found, known := t.object(o.Call.Object)
	status := ok
	if o.Answer != nil {
		status = o.Answer.Status
	}
	switch status {
	case exist:
		return t.when(occupied)
	case isDir:
		return t.when(known && found.directory)
	case stale, noEnt:
		return t.when(found.links == 0)
	}
	if status != ok || occupied || found.directory || found.links == 0 {
		return impossible
	}
	after := t.copy()
	after.entries[o.place()] = id
	after.touch(id, 1)
	return after.when(after.changed(o.Call.Directory, o.told()[o.Call.Directory]))
}

func (m *namespace) setSize(t *tree, o *operation) []*tree {
	id, found, known := t.object(o.Call.Object)
	if o.Answer != nil && o.Answer.Status == stale {
		return t.when(found.links == 0)
	}
	if o.Answer != nil && o.Answer.Status == isDir {
		return t.when(known && found.directory)
	}
	if !known || found.directory || (o.Answer != nil && o.Answer.Status != ok) {
		return impossible
	}
	after := t.copy()
	if found.size != o.Call.Size {
		found.size = o.Call.Size
		found.change.least++
	}
	found.change.exact = false // whether the same size is a change is the server's to say
	after.objects[id] = found
	return []*tree{after}
}

func (m *namespace) getAttr(t *tree, o *operation) []*tree {
	told := o.Answer
	if m.roots[o.Call.Object] {
		after := t.copy()
		return after.when(told.Status == ok &&
			(told.Change == nil || after.stayed(o.Call.Object, &[2]int64{*told.Change, *told.Change})))
	}
	id, found, known := t.object(o.Call.Object)
	if told.Status == stale {
		return t.when(found.links == 0)
	}
	if told.Status != ok || !known || (found.directory && found.links == 0) {
		return impossible
	}
	if !found.directory && ((told.Size != nil && *told.Size != found.size) ||
		(told.Nlink != nil && *told.Nlink != found.links)) {
		return impossible
	}
	if told.Change == nil {
		return []*tree{t}
	}
	if !found.change.allows(*told.Change) {
		return impossible
	}
	after := t.copy()
	found.change = bound{*told.Change, true}
	after.objects[id] = found
	return []*tree{after}
}

// same: object current was seen as id. It may be learnt just now that it is.
func (m *namespace) same(t *tree, current, id string) bool {
	seen, silent := t.seen[current]
	if !silent {
		return current == id
	}
	if seen == "" && !m.roots[id] && !m.made[id] && !t.known(id) {
		t.seen[current] = id
		return true
	}
	return seen == id
}

// known: there is, or was, an object of this ID.
func (t *tree) known(id string) bool {
	_, _, known := t.object(id)
	return known
}

// object: what the tree calls the object that clients call id. With no links if there is none.
func (t *tree) object(id string) (string, inode, bool) {
	if found, there := t.objects[id]; there {
		return id, found, true
	}
	for silent, seen := range t.seen {
		if seen == id {
			return silent, t.objects[silent], true
		}
	}
	return "", inode{}, false
}

// touch: the object's change attribute grows, and it has so many links more.
func (t *tree) touch(id string, links int) {
	found := t.objects[id]
	found.links += uint64(links)
	found.change = bound{found.change.least + 1, false}
	t.objects[id] = found
}

// changed: the directory's change attribute grows; whether it may have done so as told.
func (t *tree) changed(directory string, told *[2]int64) bool {
	now := t.changes[directory]
	if told == nil {
		t.changes[directory] = bound{now.least + 1, false}
		return true
	}
	t.changes[directory] = bound{told[1], true}
	return now.allows(told[0]) && told[0] < told[1]
}

// stayed: the directory's change attribute is what it was; whether that may be what was told.
func (t *tree) stayed(directory string, told *[2]int64) bool {
	if told == nil {
		return true
	}
	now := t.changes[directory]
	t.changes[directory] = bound{told[0], true}
	return told[0] == told[1] && now.allows(told[0])
}

func (b bound) allows(value int64) bool { return value == b.least || (!b.exact && value > b.least) }

func (t *tree) copy() *tree {
	after := &tree{map[place]string{}, map[string]inode{}, map[string]bound{}, map[string]string{}}
	for key, value := range t.entries {
		after.entries[key] = value
	}
	for key, value := range t.objects {
		after.objects[key] = value
	}
	for key, value := range t.changes {
		after.changes[key] = value
	}
	for key, value := range t.seen {
		after.seen[key] = value
	}
	return after
}

func (t *tree) text() string {
	var lines []string
	for at, object := range t.entries {
		lines = append(lines, fmt.Sprintf("entry %q %q %q", at.directory, at.name, object))
	}
	for id, object := range t.objects {
		lines = append(lines, fmt.Sprintf("object %q %v", id, object))
	}
	for directory, change := range t.changes {
		lines = append(lines, fmt.Sprintf("change %q %v", directory, change))
	}
	for silent, id := range t.seen {
		lines = append(lines, fmt.Sprintf("seen %q %q", silent, id))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

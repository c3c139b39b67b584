package main

import (
	"fmt"
	"math"
	"sort"
	"strings"
)

// The length of a range that has no end (RFC 8881 §18.10.3).
const toTheEnd = math.MaxUint64

// Byte-range locks (RFC 8881 §9).
type locks struct{ operations []*operation }

// A span is the bytes first to last, both included, locked in one way.
type span struct {
	first, last uint64
	kind        string
}

// spans are one file's locks by owner: disjoint, in order, and those that meet and are of one kind are one.
type spans map[string][]span

func newLocks(h *history) model {
	m := &locks{}
	lockers := map[[2]string]bool{} // file and owner
	for _, one := range h.operations {
		if one.is("lock") {
			lockers[[2]string{one.Call.File, one.Call.Owner}] = true
		}
	}
	for _, one := range h.operations {
		closes := one.is("close") && lockers[[2]string{one.Call.File, one.Call.Owner}] &&
			(one.Answer == nil || one.Answer.Status == ok)
		if one.is("lock", "unlock") || (one.is("testlock") && one.Answer != nil) || closes {
			m.operations = append(m.operations, one)
		}
	}
	return m
}

func (m *locks) name() string { return "locks" }

func (m *locks) parts() [][]*operation { return byFile(m.operations) }

func (m *locks) begin() state { return spans{} }

func (m *locks) step(before state, o *operation) []state {
	held := before.(spans)
	owner := o.Call.Owner
	switch o.Call.Call {
	case "close":
		return []state{held.with(owner, nil)}
	case "unlock":
		if o.Answer != nil && o.Answer.Status != ok {
			return nil
		}
		return []state{held.with(owner, without(held[owner], ranged(o.Call.Offset, o.Call.Length, "")))}
	}
	asked := ranged(o.Call.Offset, o.Call.Length, o.Call.Kind)
	refused := false
	for other, theirs := range held {
		for _, one := range theirs {
			refused = refused || (other != owner && one.conflicts(asked))
		}
	}
	if o.Answer != nil && o.Answer.Status == denied {
		if !refused || (o.Answer.Holder != nil && !held.explains(*o.Answer.Holder, owner, asked)) {
			return nil
		}
		return []state{held}
	}
	if refused || (o.Answer != nil && o.Answer.Status != ok) {
		return nil
	}
	if o.Call.Call == "testlock" {
		return []state{held}
	}
	return []state{held.with(owner, append(without(held[owner], asked), asked))}
}

func ranged(offset, length uint64, kind string) span {
	if length == toTheEnd || length-1 > math.MaxUint64-offset {
		return span{offset, math.MaxUint64, kind}
	}
	return span{offset, offset + length - 1, kind}
}

func (s span) meets(other span) bool { return s.first <= other.last && other.first <= s.last }

func (s span) conflicts(other span) bool {
	return s.meets(other) && (s.kind == "write" || other.kind == "write")
}

// explains: the lock reported is held, whole, and is in the way of what owner asked.
func (held spans) explains(reported holder, owner string, asked span) bool {
	if reported.Length == 0 || reported.Owner == owner {
		return false
	}
	wanted := ranged(reported.Offset, reported.Length, reported.Kind)
	for _, one := range held[reported.Owner] {
		if one.kind == wanted.kind && one.first <= wanted.first && wanted.last <= one.last {
			return wanted.conflicts(asked)
		}
	}
	return false
}

// without: a copy with the bytes of gone taken out.
func without(mine []span, gone span) []span {
	var kept []span
	for _, one := range mine {
		if !one.meets(gone) {
			kept = append(kept, one)
			continue
		}
		if one.first < gone.first {
			kept = append(kept, span{one.first, gone.first - 1, one.kind})
		}
		if gone.last < one.last {
			kept = append(kept, span{gone.last + 1, one.last, one.kind})
		}
	}
	return kept
}

// with: a copy in which owner has exactly these locks, which are disjoint.
func (held spans) with(owner string, mine []span) spans {
	after := spans{}
	for other, theirs := range held {
		after[other] = theirs
	}
	sort.Slice(mine, func(i, j int) bool { return mine[i].first < mine[j].first })
	var joined []span
	for _, one := range mine {
		end := len(joined) - 1
		if end >= 0 && joined[end].last+1 == one.first && joined[end].kind == one.kind {
			joined[end].last = one.last
		} else {
			joined = append(joined, one)
		}
	}
	after[owner] = joined
	if len(joined) == 0 {
		delete(after, owner)
	}
	return after
}

func (held spans) text() string {
	var lines []string
	for owner, mine := range held {
		lines = append(lines, fmt.Sprintf("%q %v", owner, mine))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

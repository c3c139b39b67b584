package main

import (
	"fmt"
	"sort"
	"strings"
)

// Opens with share reservations (RFC 8881 §9.7).
type opens struct{ operations []*operation }

type mode struct{ access, deny int }

// modes are one file's opens, by owner.
type modes map[string]mode

func newOpens(h *history) model {
	files := map[string]bool{}
	for _, one := range h.operations {
		if one.is("open", "downgrade") {
			files[one.Call.File] = true
		}
	}
	m := &opens{}
	for _, one := range h.operations {
		if one.is("open", "downgrade", "close") && files[one.Call.File] {
			m.operations = append(m.operations, one)
		}
	}
	return m
}

func (m *opens) name() string { return "opens" }

func (m *opens) parts() [][]*operation { return byFile(m.operations) }

func (m *opens) begin() state { return modes{} }

func (m *opens) step(before state, o *operation) []state {
	held := before.(modes)
	mine, opened := held[o.Call.Owner]
	asked := mode{o.Call.Access, o.Call.Deny}
	if o.Call.Call == "open" {
		refused := false
		for _, other := range held { // an owner's own open is no exception
			refused = refused || asked.access&other.deny != 0 || asked.deny&other.access != 0
		}
		if o.Answer != nil && o.Answer.Status == shareDenied && refused {
			return []state{held}
		}
		if (o.Answer != nil && o.Answer.Status != ok) || refused {
			return nil
		}
		return []state{held.with(o.Call.Owner, mode{mine.access | asked.access, mine.deny | asked.deny})}
	}
	if (o.Answer != nil && o.Answer.Status != ok) || !opened {
		return nil
	}
	if o.Call.Call == "close" {
		return []state{held.with(o.Call.Owner, mode{})}
	}
	if asked.access&^mine.access != 0 || asked.deny&^mine.deny != 0 {
		return nil
	}
	return []state{held.with(o.Call.Owner, asked)}
}

func (held modes) with(owner string, now mode) modes {
	after := modes{}
	for other, mode := range held {
		after[other] = mode
	}
	after[owner] = now
	if now.access == 0 {
		delete(after, owner)
	}
	return after
}

func (held modes) text() string {
	var lines []string
	for owner, mode := range held {
		lines = append(lines, fmt.Sprintf("%q %d %d", owner, mode.access, mode.deny))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

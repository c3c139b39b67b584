// Judges histories with Porcupine (https://github.com/anishathalye/porcupine), for comparison with the checker in the
// directory above; its crosscheck.py builds and runs this program.
//
// It reads paths of histories (history.py has the format), one a line, and writes one line of JSON for each history
// and model. The models say what those in namespace.py, locks.py and opens.py say, and are written apart from them:
// states are a tree of names, lists of ranges and a table of opens; what a call without an answer may have done is a
// set of states; the search and its memory are Porcupine's. Parts are coarser than our checker's: a file's locks, a
// file's opens, and names that operations connect.
//
// On purpose the same: a directory's listing is one look where all its changes were answered with change_info4, and
// otherwise as many looks as there are names; and a read without an answer is left out.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// A state is never modified once it was handed out.
type state interface {
	// text is equal for equal states, and for no others.
	text() string
}

// A sequential specification, made for one history.
type model interface {
	name() string
	// parts: those operations that it judges, as parts that share no state.
	parts() [][]*operation
	begin() state
	// step: what an operation, answered so, may make of a state; none if it would not have been answered so. Without
	// an answer: whatever effect it may have had, "none" left out.
	step(state, *operation) []state
}

type verdict struct {
	File       string  `json:"file"`
	Model      string  `json:"model"`
	Verdict    string  `json:"verdict"` // "Ok", "Illegal" or "Unknown": the time was up
	Parts      int     `json:"parts"`
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
}

type sealed struct {
	state
	text string
	hash uint64
}

func seal(s state) interface{} {
	text := s.text()
	hash := fnv.New64a()
	hash.Write([]byte(text))
	return sealed{s, text, hash.Sum64()}
}

func specification(m model) porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{seal(m.begin())} },
		Step: func(before, input, _ interface{}) []interface{} {
			operation := input.(*operation)
			var after []interface{}
			for _, s := range m.step(before.(sealed).state, operation) {
				after = append(after, seal(s))
			}
			if operation.Answer == nil {
				after = append(after, before)
			}
			return after
		},
		Equal: func(one, other interface{}) bool { return one.(sealed).text == other.(sealed).text },
		Hash:  func(s interface{}) uint64 { return s.(sealed).hash },
	}
	return nondeterministic.ToModel()
}

func judge(file string, m model, limit time.Duration) verdict {
	began := time.Now()
	found := verdict{File: file, Model: m.name(), Verdict: string(porcupine.Ok)}
	specified := specification(m)
	for _, part := range m.parts() {
		var operations []porcupine.Operation
		for _, one := range part {
			operations = append(operations, porcupine.Operation{Input: one, Call: one.begins, Return: one.ends})
		}
		found.Parts++
		found.Operations += len(part)
		left := limit - time.Since(began)
		if left <= 0 {
			found.Verdict = string(porcupine.Unknown)
			break
		}
		result := porcupine.CheckOperationsTimeout(specified, operations, left)
		if result != porcupine.Ok {
			found.Verdict = string(result)
		}
		if result == porcupine.Illegal {
			break
		}
	}
	found.Seconds = time.Since(began).Seconds()
	return found
}

func main() {
	limit := flag.Duration("limit", 10*time.Second, "for each history and model")
	flag.Parse()
	output := json.NewEncoder(os.Stdout)
	files := bufio.NewScanner(os.Stdin)
	for files.Scan() {
		found, err := load(files.Text())
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", files.Text(), err)
			os.Exit(2)
		}
		for _, m := range []model{newNamespace(found), newLocks(found), newOpens(found)} {
			if err := output.Encode(judge(files.Text(), m, *limit)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
		}
	}
	if err := files.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

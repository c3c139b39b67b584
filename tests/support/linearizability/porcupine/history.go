package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strings"
)

const format = "mdscluster history 1"

// What the models know of nfsstat4 (RFC 8881 §15.1).
const (
	ok          = 0
	noEnt       = 2
	exist       = 17
	isDir       = 21
	stale       = 70
	denied      = 10010
	shareDenied = 10015
)

// A call's arguments, of whatever kind: the fields of calls.py.
type call struct {
	Call        string
	Directory   string
	Name        string
	How         string
	Object      string
	ToDirectory string `json:"to_directory"`
	ToName      string `json:"to_name"`
	Whole       *bool  // true if it is not there
	Size        uint64
	File        string
	Owner       string
	Offset      uint64
	Length      uint64
	Kind        string
	Access      int
	Deny        int
}

type holder struct {
	Owner  string
	Offset uint64
	Length uint64
	Kind   string
}

// What an answer does not hold is nil, and not checked.
type answer struct {
	Status      int
	Object      *string
	Entries     map[string]string
	Moved       *[2]int64
	MovedTarget *[2]int64 `json:"moved_target"`
	Size        *uint64
	Nlink       *uint64
	Change      *int64
	Holder      *holder
}

// One call of one client. Without an answer its outcome is unknown: it may take effect at any time after its
// invocation, or never.
type operation struct {
	Client    string
	Call      call
	Invoked   float64  `json:"invoked_ms"`
	Completed *float64 `json:"completed_ms"`
	Answer    *answer

	number       int   // in the file
	begins, ends int64 // ranks of its times among all times of the file; equal times are concurrent
}

type history struct {
	Format      string
	Directories []string
	operations  []*operation
}

func (o *operation) is(calls ...string) bool {
	for _, name := range calls {
		if o.Call.Call == name {
			return true
		}
	}
	return false
}

// succeeded: it was answered, and not refused.
func (o *operation) succeeded() bool { return o.Answer != nil && o.Answer.Status == ok }

func (o *operation) place() place { return place{o.Call.Directory, o.Call.Name} }

func (o *operation) target() place { return place{o.Call.ToDirectory, o.Call.ToName} }

func load(path string) (*history, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var content io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if content, err = gzip.NewReader(file); err != nil {
			return nil, err
		}
	}
	decoder := json.NewDecoder(content)
	decoder.DisallowUnknownFields()
	found := &history{}
	if err := decoder.Decode(found); err != nil {
		return nil, err
	}
	if found.Format != format {
		return nil, fmt.Errorf("format %q, not %q", found.Format, format)
	}
	for decoder.More() {
		one := &operation{number: len(found.operations)}
		if err := decoder.Decode(one); err != nil {
			return nil, err
		}
		if err := one.complete(); err != nil {
			return nil, fmt.Errorf("operation %d: %w", one.number, err)
		}
		found.operations = append(found.operations, one)
	}
	found.rank()
	return found, nil
}

// complete fills in defaults, and refuses what the models here do not judge.
func (o *operation) complete() error {
	if (o.Answer == nil) != (o.Completed == nil) {
		return fmt.Errorf("an answer comes at a time")
	}
	if o.Call.Kind == "" {
		o.Call.Kind = "write"
	}
	if o.Call.Whole == nil {
		whole := true
		o.Call.Whole = &whole
	}
	if o.is("lock", "testlock", "unlock") && o.Call.Length == 0 {
		return fmt.Errorf("a range of no bytes")
	}
	if o.Answer != nil && o.Answer.Holder != nil && o.Answer.Holder.Kind == "" {
		o.Answer.Holder.Kind = "write"
	}
	if o.succeeded() && o.is("create", "mkdir", "lookup") && o.Answer.Object == nil {
		return fmt.Errorf("an answer without its object")
	}
	if o.succeeded() && o.is("readdir") && o.Answer.Entries == nil {
		return fmt.Errorf("a listing without entries")
	}
	return nil
}

func (h *history) rank() {
	var times []float64
	for _, one := range h.operations {
		times = append(times, one.Invoked)
		if one.Completed != nil {
			times = append(times, *one.Completed)
		}
	}
	sort.Float64s(times)
	for _, one := range h.operations {
		one.begins, one.ends = int64(sort.SearchFloat64s(times, one.Invoked)), math.MaxInt64
		if one.Completed != nil {
			one.ends = int64(sort.SearchFloat64s(times, *one.Completed))
		}
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func added(kind string, id int64) entry { return entry{Kind: kind, ID: id, Doc: json.RawMessage(`{}`)} }

func TestWhatWasAcknowledgedIsThereAndNothingElse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := range int64(3) {
		if err := j.add([]entry{added("projects", at), added("quotas", at)}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// killed at any byte of the last write: all of it, or none
	for cut := len(whole) - 1; cut > len(whole)*2/3; cut-- {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(name)
		if err != nil || j.seq != 4 || len(j.since(0)) != 4 {
			t.Fatalf("cut at %d: %v, %d", cut, err, j.seq)
		}
		if err := j.add([]entry{added("projects", 9)}); err != nil {
			t.Fatal(err)
		}
		if j, err = openJournal(name); err != nil || j.seq != 5 {
			t.Fatalf("after a cut at %d: %v, %d", cut, err, j.seq)
		}
	}
	if err := os.WriteFile(name, append([]byte("?\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(name); err == nil {
		t.Error("a damaged line is no fault")
	}
}

func TestSince(t *testing.T) {
	j := &journal{seq: 3, entries: []entry{{Seq: 1}, {Seq: 2}, {Seq: 3}}}
	for after, left := range map[int64]int{0: 3, 1: 2, 3: 0} {
		if found := len(j.since(after)); found != left {
			t.Errorf("after %d: %d, not %d", after, found, left)
		}
	}
}

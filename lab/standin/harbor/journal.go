package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// entry is a document at one moment; without one it is gone. Numbers rise by one, over all kinds.
type entry struct {
	Seq  int64           `json:"seq"`
	Kind string          `json:"kind"`
	ID   int64           `json:"id"`
	Doc  json.RawMessage `json:"doc,omitempty"`
}

// journal is a file of entries, a line for each time some were added: what was acknowledged is on the disk.
// It only grows: a lab does not live that long.
type journal struct {
	file    *os.File
	entries []entry
	seq     int64
	size    int64
}

// openJournal reads what is there. A last line without its end was never acknowledged, and is cut off.
func openJournal(name string) (*journal, error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var read []entry
		if err := json.Unmarshal(line, &read); err != nil || len(read) == 0 {
			return nil, fmt.Errorf("%s: damaged at byte %d: %w", name, j.size, err)
		}
		j.entries, j.seq, j.size = append(j.entries, read...), read[len(read)-1].Seq, j.size+int64(len(line))
	}
	return j, file.Truncate(j.size)
}

// since are the entries after one, oldest first.
func (j *journal) since(seq int64) []entry {
	for at := len(j.entries); at > 0; at-- {
		if j.entries[at-1].Seq <= seq {
			return j.entries[at:]
		}
	}
	return j.entries
}

// add numbers the entries and puts them on the disk: all or, after a crash, none of them.
func (j *journal) add(added []entry) error {
	if len(added) == 0 {
		return nil
	}
	for at := range added {
		added[at].Seq = j.seq + int64(at) + 1
	}
	line, err := json.Marshal(added)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err = j.file.WriteAt(line, j.size); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.file.Truncate(j.size)
		return err
	}
	j.entries, j.seq, j.size = append(j.entries, added...), j.seq+int64(len(added)), j.size+int64(len(line))
	return nil
}

// writeSync puts a whole file in place of another, on the disk before it has the name.
func writeSync(name, text string) error {
	file, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

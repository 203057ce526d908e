package main

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
)

// doc is a document as JSON has it: numbers are float64. One that is stored is never changed, only replaced.
type doc = map[string]any

// store is what core knows of the database's documents. Others may write as well: it is brought up to
// date before each request, and a write that somebody was faster with is done again.
type store struct {
	db      *dbClient
	writing sync.Mutex

	mu    sync.RWMutex
	seq   int64
	kinds map[string]*rows
}

// rows are the documents of a kind, by number and by the fields that are asked for.
type rows struct {
	kind kind
	docs map[int64]doc
	by   map[string]map[string][]int64
	last int64
}

func newStore(db *dbClient, kinds map[string]kind) *store {
	s := &store{db: db, kinds: map[string]*rows{}}
	for name, kind := range kinds {
		found := &rows{kind: kind, docs: map[int64]doc{}, by: map[string]map[string][]int64{}}
		for _, field := range kind.Index {
			found.by[field] = map[string][]int64{}
		}
		s.kinds[name] = found
	}
	return s
}

// sync takes over what was written since.
func (s *store) sync() error {
	s.mu.RLock()
	seq := s.seq
	s.mu.RUnlock()
	entries, err := s.db.since(seq)
	if err != nil || len(entries) == 0 {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(entries)
}

func (s *store) take(entries []entry) error {
	for _, found := range entries {
		if found.Seq <= s.seq {
			continue
		}
		var value doc
		if found.Doc != nil {
			if err := json.Unmarshal(found.Doc, &value); err != nil {
				return err
			}
		}
		if rows := s.kinds[found.Kind]; rows != nil {
			rows.put(found.ID, value)
		}
		s.seq = found.Seq
	}
	return nil
}

func (r *rows) put(id int64, value doc) {
	for field, index := range r.by {
		if old, had := r.docs[id]; had {
			key := text(old[field])
			index[key] = slices.DeleteFunc(index[key], func(other int64) bool { return other == id })
			if len(index[key]) == 0 {
				delete(index, key)
			}
		}
		if value != nil {
			key := text(value[field])
			index[key] = append(index[key], id)
		}
	}
	if value == nil {
		delete(r.docs, id)
	} else {
		r.docs[id] = value
	}
	r.last = max(r.last, id)
}

// get is one document; nil when there is none.
func (s *store) get(kind string, id int64) doc {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kinds[kind].docs[id]
}

// find are the documents whose indexed field has a value, by number.
func (s *store) find(kind, field string, value any) []doc {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.kinds[kind]
	ids := slices.Clone(r.by[field][text(value)])
	slices.Sort(ids)
	found := make([]doc, 0, len(ids))
	for _, id := range ids {
		found = append(found, r.docs[id])
	}
	return found
}

// one is the first of them; nil when there is none.
func (s *store) one(kind, field string, value any) doc {
	if found := s.find(kind, field, value); len(found) > 0 {
		return found[0]
	}
	return nil
}

// all are a kind's documents, by number.
func (s *store) all(kind string) []doc {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.kinds[kind]
	ids := make([]int64, 0, len(r.docs))
	for id := range r.docs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	found := make([]doc, 0, len(ids))
	for _, id := range ids {
		found = append(found, r.docs[id])
	}
	return found
}

// change is what one request writes: all of it or nothing.
type change struct {
	*store
	entries []entry
	next    map[string]int64
}

// change runs something that looks and writes, until nobody else wrote in between.
func (s *store) change(write func(*change) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for {
		if err := s.sync(); err != nil {
			return err
		}
		c := &change{store: s, next: map[string]int64{}}
		if err := write(c); err != nil || len(c.entries) == 0 {
			return err
		}
		s.mu.RLock()
		seq := s.seq
		s.mu.RUnlock()
		err := s.db.add(seq, c.entries)
		if err == nil {
			return s.sync()
		}
		if !errors.Is(err, errStale) {
			return err
		}
	}
}

// add stores a new document and gives it the next number, in its kind's own field.
func (c *change) add(kind string, value doc) int64 {
	c.mu.RLock()
	r := c.kinds[kind]
	id := max(r.last, c.next[kind]) + 1
	c.mu.RUnlock()
	c.next[kind] = id
	value[r.kind.ID] = id
	c.set(kind, id, value)
	return id
}

// set replaces a document.
func (c *change) set(kind string, id int64, value doc) {
	written, err := json.Marshal(value)
	if err != nil {
		panic(err) // what came from JSON goes back to it
	}
	c.entries = append(c.entries, entry{Kind: kind, ID: id, Doc: written})
}

// amend changes what this same change added before.
func (c *change) amend(kind string, id int64, how func(doc)) {
	for at, found := range c.entries {
		if found.Kind == kind && found.ID == id {
			var value doc
			if err := json.Unmarshal(found.Doc, &value); err != nil {
				panic(err)
			}
			how(value)
			c.entries[at].Doc, _ = json.Marshal(value)
		}
	}
}

// drop removes a document.
func (c *change) drop(kind string, id int64) {
	c.entries = append(c.entries, entry{Kind: kind, ID: id})
}

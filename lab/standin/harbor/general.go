package main

import "strings"

// rule is what a kind of documents has of its own, beside being listed, made, changed and deleted.
type rule struct {
	word string
	// among says which documents a call is about; without it, all of the kind.
	among func(*request) ([]doc, error)
	// check completes a document before it is stored, or refuses it; old is nil for a new one.
	check func(rq *request, w *change, value, old doc) error
	show  func(*request, doc) doc
	// free refuses to delete
	free func(*request, doc) error
}

func (rq *request) rule() rule {
	found := rules[rq.call.Kind]
	if found.show == nil {
		found.show = func(_ *request, value doc) doc { return shown(value) }
	}
	if found.among == nil {
		found.among = func(rq *request) ([]doc, error) {
			if rq.project != nil {
				return rq.store.find(rq.call.Kind, "project_id", rq.project["project_id"]), nil
			}
			return rq.store.all(rq.call.Kind), nil
		}
	}
	return found
}

func listKind(rq *request) (any, error) {
	rule := rq.rule()
	all, err := rule.among(rq)
	if err != nil {
		return nil, err
	}
	return rq.listed(all, func(value doc) doc { return rule.show(rq, value) }, "Level", "ProjectID")
}

// chosen is the document whose number ends the call's parameters; one of another project is none.
func (rq *request) chosen() (doc, int64, error) {
	name := rq.call.Path[strings.LastIndex(rq.call.Path, "{")+1:]
	id := rq.id(name[:strings.Index(name, "}")])
	found := rq.store.get(rq.call.Kind, id)
	if found == nil || (rq.project != nil && number(found["project_id"]) != number(rq.project["project_id"])) {
		return nil, id, notFound("%s %d not found", rq.rule().word, id)
	}
	return found, id, nil
}

func getOne(rq *request) (any, error) {
	found, _, err := rq.chosen()
	if err != nil {
		return nil, err
	}
	return rq.rule().show(rq, found), nil
}

func createOne(rq *request) (any, error) {
	var id int64
	err := rq.store.change(func(w *change) error {
		value := with(made(), rq.body)
		if rq.project != nil {
			value["project_id"] = rq.project["project_id"]
		}
		if check := rq.rule().check; check != nil {
			if err := check(rq, w, value, nil); err != nil {
				return err
			}
		}
		id = w.add(rq.call.Kind, value)
		return nil
	})
	return rq.madeAt(id), err
}

func updateOne(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		old, id, err := rq.chosen()
		if err != nil {
			return err
		}
		value := with(with(old, rq.body), doc{"update_time": now(), w.kinds[rq.call.Kind].kind.ID: id})
		if check := rq.rule().check; check != nil {
			if err := check(rq, w, value, old); err != nil {
				return err
			}
		}
		w.set(rq.call.Kind, id, value)
		return nil
	})
}

func deleteOne(rq *request) (any, error) {
	return nil, rq.store.change(func(w *change) error {
		found, id, err := rq.chosen()
		if err != nil {
			return err
		}
		if free := rq.rule().free; free != nil {
			if err := free(rq, found); err != nil {
				return err
			}
		}
		w.drop(rq.call.Kind, id)
		return nil
	})
}

package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// filter is one term of q=: a field, and how a value fits.
type filter struct {
	field string
	fits  func(string) bool
}

// filters reads q=: k=v exactly, k=~v somewhere in it, k=[a~b] from to, k={a b} one of them.
func filters(q string) ([]filter, error) {
	found := []filter{}
	if unescaped, err := url.QueryUnescape(q); err == nil {
		q = unescaped
	}
	if q == "" {
		return found, nil
	}
	for _, term := range strings.Split(q, ",") {
		field, value, _ := strings.Cut(term, "=")
		if field == "" || value == "" {
			return nil, badRequest(`the query string must contain "=" and the key/value cannot be empty`)
		}
		fits, err := pattern(value)
		if err != nil {
			return nil, err
		}
		found = append(found, filter{field, fits})
	}
	return found, nil
}

func pattern(value string) (func(string) bool, error) {
	inner := strings.Trim(value[1:], "]})")
	switch first, last := value[0], value[len(value)-1]; {
	case first == '~' && len(value) > 1:
		return func(found string) bool {
			return strings.Contains(strings.ToLower(found), strings.ToLower(value[1:]))
		}, nil
	case first == '[' && last == ']' && strings.Count(value, "~") == 1:
		from, to, _ := strings.Cut(inner, "~")
		return func(found string) bool {
			return (from == "" || number(found) >= number(from)) && (to == "" || number(found) <= number(to))
		}, nil
	case first == '{' && last == '}':
		one := strings.Fields(inner)
		return func(found string) bool { return slices.Contains(one, found) }, nil
	case strings.ContainsRune("~[{(", rune(first)):
		return nil, badRequest("invalid query string value: %s", value)
	}
	return func(found string) bool { return found == strings.TrimPrefix(value, `\`) }, nil
}

// listed is a page of documents after q= and sort=, with Harbor's headers.
func (rq *request) listed(all []doc, show func(doc) doc, ignored ...string) (any, error) {
	asked := rq.http.URL.Query()
	wanted, err := filters(asked.Get("q"))
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(found doc) bool {
		return slices.ContainsFunc(wanted, func(f filter) bool {
			if slices.Contains(ignored, f.field) {
				return false
			}
			value, has := found[f.field]
			if !has {
				value = fields(found["metadata"])[f.field]
			}
			return !f.fits(text(value))
		})
	})
	if field, reversed := strings.CutPrefix(asked.Get("sort"), "-"); field != "" {
		sortBy(kept, field)
		if reversed {
			slices.Reverse(kept)
		}
	}
	page := []doc{}
	for _, found := range rq.page(kept) {
		page = append(page, show(found))
	}
	return page, nil
}

func sortBy(docs []doc, field string) {
	slices.SortStableFunc(docs, func(a, b doc) int {
		if x, is := a[field].(float64); is {
			y, _ := b[field].(float64)
			return cmp.Compare(x, y)
		}
		return cmp.Compare(text(a[field]), text(b[field]))
	})
}

// page is the part that was asked for; a size of 0 is all of it.
func (rq *request) page(all []doc) []doc {
	asked := rq.http.URL.Query()
	page, size := 1, 10
	if value := asked.Get("page"); value != "" {
		page, _ = strconv.Atoi(value)
	}
	if value := asked.Get("page_size"); value != "" {
		size, _ = strconv.Atoi(value)
	}
	header := rq.out.Header()
	header.Set("X-Total-Count", strconv.Itoa(len(all)))
	if size <= 0 {
		return all
	}
	page = max(page, 1)
	var links []string
	link := func(page int, relation string) {
		asked.Set("page", strconv.Itoa(page))
		asked.Set("page_size", strconv.Itoa(size))
		links = append(links, fmt.Sprintf(`<%s?%s>; rel="%s"`, rq.http.URL.Path, asked.Encode(), relation))
	}
	from, to := min((page-1)*size, len(all)), min(page*size, len(all))
	if page > 1 && from <= len(all) {
		link(page-1, "prev")
	}
	if to < len(all) {
		link(page+1, "next")
	}
	if links != nil {
		header.Set("Link", strings.Join(links, " , "))
	}
	return all[from:to]
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// redisServer is the few commands that core and the registry send, kept in a file on its claim.
type redisServer struct {
	place
	mu   sync.Mutex
	keys map[string]*value
	new  bool
}

// value is a key's: a text in the empty field, or a hash, or a set as a hash of nothing.
type value struct {
	Fields map[string]string
	Until  time.Time
}

const dumpFile = "/var/lib/redis/dump.json"

func runRedis(ctx context.Context, p place) error {
	if err := p.writable(filepath.Dir(dumpFile)); err != nil {
		return err
	}
	r := &redisServer{place: p, keys: map[string]*value{}}
	if text, err := os.ReadFile(p.file(dumpFile)); err == nil {
		if err := json.Unmarshal(text, &r.keys); err != nil {
			p.say("WARNING", "%s: begun anew: %v", dumpFile, err)
		}
	}
	listener, err := net.Listen("tcp", p.address("6379"))
	if err != nil {
		return err
	}
	p.say("INFO", "Ready to accept connections on %s", listener.Addr())
	context.AfterFunc(ctx, func() { listener.Close() })
	go func() {
		for ctx.Err() == nil {
			time.Sleep(5 * time.Second)
			r.keep()
		}
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return errors.Join(ctx.Err(), r.keep())
		}
		go func() {
			defer context.AfterFunc(ctx, func() { connection.Close() })()
			r.serve(connection)
		}()
	}
}

// keep writes the file when something changed, without what is over.
func (r *redisServer) keep() error {
	r.mu.Lock()
	if !r.new {
		r.mu.Unlock()
		return nil
	}
	for name, found := range r.keys {
		if !found.Until.IsZero() && time.Now().After(found.Until) {
			delete(r.keys, name)
		}
	}
	text, err := json.Marshal(r.keys)
	r.new = false
	r.mu.Unlock()
	if err == nil {
		err = writeSync(r.file(dumpFile), string(text))
	}
	if err != nil {
		r.say("ERROR", "%v", err)
	}
	return err
}

func (r *redisServer) serve(connection net.Conn) {
	defer connection.Close()
	in, database, password := bufio.NewReader(connection), "0", r.get("REDIS_PASSWORD")
	known := password == ""
	for {
		words, err := readCommand(in)
		if err != nil || len(words) == 0 {
			return
		}
		answer := ""
		switch name := strings.ToUpper(words[0]); {
		case name == "AUTH":
			known = words[len(words)-1] == password
			if answer = "+OK\r\n"; !known {
				answer = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
			}
		case !known:
			answer = "-NOAUTH Authentication required.\r\n"
		case name == "SELECT" && len(words) == 2:
			database, answer = words[1], "+OK\r\n"
		default:
			answer = r.do(name, database, words[1:])
		}
		if _, err := io.WriteString(connection, answer); err != nil {
			return
		}
	}
}

// do is one command; arguments that are missing are an error, as with the real one.
func (r *redisServer) do(name, database string, words []string) string {
	least := map[string]int{"PING": 0, "SET": 2, "GET": 1, "DEL": 1, "EXPIRE": 2, "EXISTS": 1, "HSET": 3, "HMSET": 3,
		"HSETNX": 3, "HGET": 2, "HMGET": 2, "HDEL": 2, "SADD": 2, "SREM": 2, "SISMEMBER": 2}
	if need, known := least[name]; !known || len(words) < need {
		return fmt.Sprintf("-ERR unknown command or wrong number of arguments: '%s'\r\n", name)
	}
	if name == "PING" {
		return "+PONG\r\n"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key, rest := database+":"+words[0], words[1:]
	found := r.keys[key]
	if found != nil && !found.Until.IsZero() && time.Now().After(found.Until) {
		delete(r.keys, key)
		found = nil
	}
	switch name {
	case "GET", "HGET", "HMGET", "EXISTS", "SISMEMBER":
		return look(name, found, rest)
	}
	r.new = true
	if found == nil || name == "SET" {
		found = &value{Fields: map[string]string{}}
	}
	answer := found.change(name, rest)
	if len(found.Fields) > 0 {
		r.keys[key] = found
	} else {
		delete(r.keys, key)
	}
	return answer
}

func look(name string, found *value, rest []string) string {
	if found == nil {
		found = &value{}
	}
	switch name {
	case "EXISTS":
		return count(min(len(found.Fields), 1))
	case "SISMEMBER":
		_, has := found.Fields[rest[0]]
		return count(map[bool]int{true: 1}[has])
	case "HMGET":
		answer := fmt.Sprintf("*%d\r\n", len(rest))
		for _, field := range rest {
			answer += bulk(found.Fields, field)
		}
		return answer
	case "HGET":
		return bulk(found.Fields, rest[0])
	}
	return bulk(found.Fields, "")
}

func (v *value) change(name string, rest []string) string {
	before := len(v.Fields)
	switch name {
	case "SET":
		v.Fields[""] = rest[0]
		if len(rest) == 3 && strings.EqualFold(rest[1], "EX") {
			v.lasts(rest[2])
		}
		return "+OK\r\n"
	case "EXPIRE":
		v.lasts(rest[0])
		return count(min(before, 1))
	case "DEL":
		v.Fields = nil
		return count(min(before, 1))
	case "HSET", "HMSET", "HSETNX":
		for at := 0; at+1 < len(rest); at += 2 {
			if _, has := v.Fields[rest[at]]; !has || name != "HSETNX" {
				v.Fields[rest[at]] = rest[at+1]
			}
		}
		if name == "HMSET" {
			return "+OK\r\n"
		}
	case "SADD":
		for _, member := range rest {
			v.Fields[member] = ""
		}
	case "HDEL", "SREM":
		for _, member := range rest {
			delete(v.Fields, member)
		}
		return count(before - len(v.Fields))
	}
	return count(len(v.Fields) - before)
}

func (v *value) lasts(seconds string) {
	if lasting, err := strconv.Atoi(seconds); err == nil {
		v.Until = time.Now().Add(time.Duration(lasting) * time.Second)
	}
}

func count(found int) string { return fmt.Sprintf(":%d\r\n", found) }

func bulk(fields map[string]string, name string) string {
	found, has := fields[name]
	if !has {
		return "$-1\r\n"
	}
	return fmt.Sprintf("$%d\r\n%s\r\n", len(found), found)
}

// readCommand is an array of texts, as clients send them.
func readCommand(in *bufio.Reader) ([]string, error) {
	length, err := readLength(in, '*')
	if err != nil {
		return nil, err
	}
	words := []string{}
	for range length {
		word, err := readText(in)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

func readText(in *bufio.Reader) (string, error) {
	length, err := readLength(in, '$')
	if err != nil || length < 0 {
		return "", err
	}
	text := make([]byte, length+2)
	_, err = io.ReadFull(in, text)
	return string(text[:length]), err
}

func readLength(in *bufio.Reader, sign byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	length, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || line[0] != sign || length > 1<<20 {
		return 0, fmt.Errorf("not the protocol: %q", line[:1])
	}
	return length, nil
}

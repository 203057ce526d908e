package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// redisClient is core's side of Redis: one connection, made anew when it broke.
type redisClient struct {
	address    *url.URL
	mu         sync.Mutex
	connection net.Conn
	in         *bufio.Reader
}

const redisLimit = 5 * time.Second

// errAnswered is Redis's own error: the connection is good.
type errAnswered string

func (e errAnswered) Error() string { return string(e) }

func newRedisClient(address string) (*redisClient, error) {
	found, err := url.Parse(address)
	if err != nil || found.Scheme != "redis" {
		return nil, errors.New("the address of Redis: the stand-in knows redis://[USER:PASSWORD@]HOST:PORT/DATABASE only")
	}
	return &redisClient{address: found}, nil
}

// do sends a command and gives the text of its answer.
func (c *redisClient) do(words ...string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reused := c.connection != nil
	answer, err := c.attempt(words)
	if err != nil && reused && c.connection == nil {
		answer, err = c.attempt(words)
	}
	return answer, err
}

func (c *redisClient) attempt(words []string) (string, error) {
	if c.connection == nil {
		if err := c.connect(); err != nil {
			return "", err
		}
	}
	answer, err := c.send(words)
	var answered errAnswered
	if err != nil && !errors.As(err, &answered) {
		c.connection.Close()
		c.connection = nil
	}
	return answer, err
}

func (c *redisClient) connect() error {
	connection, err := net.DialTimeout("tcp", c.address.Host, redisLimit)
	if err != nil {
		return err
	}
	c.connection, c.in = connection, bufio.NewReader(connection)
	if password, given := c.address.User.Password(); given {
		_, err = c.send([]string{"AUTH", password})
	}
	if database := strings.Trim(c.address.Path, "/"); err == nil && database != "" {
		_, err = c.send([]string{"SELECT", database})
	}
	if err != nil {
		connection.Close()
		c.connection = nil
	}
	return err
}

func (c *redisClient) send(words []string) (string, error) {
	c.connection.SetDeadline(time.Now().Add(redisLimit))
	command := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		command += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := c.connection.Write([]byte(command)); err != nil {
		return "", err
	}
	sign, err := c.in.Peek(1)
	if err != nil {
		return "", err
	}
	if sign[0] == '$' {
		return readText(c.in)
	}
	line, err := c.in.ReadString('\n')
	if err == nil && sign[0] == '-' {
		err = errAnswered(strings.TrimSpace(line[1:]))
	}
	return strings.TrimSpace(line[1:]), err
}

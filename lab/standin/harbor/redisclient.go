package main

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/garyburd/redigo/redis"
)

// redisClient is the other components' side of Redis.
type redisClient struct {
	address *url.URL
	pool    *redis.Pool
}

const redisLimit = 5 * time.Second

func newRedisClient(address string) (*redisClient, error) {
	found, err := url.Parse(address)
	if err != nil || found.Scheme != "redis" {
		return nil, errors.New("the address of Redis: the stand-in knows redis://[USER:PASSWORD@]HOST:PORT/DATABASE only")
	}
	c := &redisClient{address: found}
	// one that broke since it was used last is noticed when it is taken
	alive := func(connection redis.Conn, _ time.Time) error {
		_, err := connection.Do("PING")
		return err
	}
	c.pool = &redis.Pool{MaxIdle: 4, Dial: c.connect, TestOnBorrow: alive}
	return c, nil
}

func (c *redisClient) connect() (redis.Conn, error) {
	connection, err := redis.DialTimeout("tcp", c.address.Host, redisLimit, redisLimit, redisLimit)
	if err != nil {
		return nil, err
	}
	if password, given := c.address.User.Password(); given {
		_, err = connection.Do("AUTH", password)
	}
	if database := strings.Trim(c.address.Path, "/"); err == nil && database != "" {
		_, err = connection.Do("SELECT", database)
	}
	if err != nil {
		connection.Close()
	}
	return connection, err
}

// do sends a command and gives the text of its answer; nothing there is an empty one.
func (c *redisClient) do(name string, words ...any) (string, error) {
	connection := c.pool.Get()
	defer connection.Close()
	answer, err := connection.Do(name, words...)
	switch answer := answer.(type) {
	case []byte:
		return string(answer), err
	case string:
		return answer, err
	}
	return "", err
}

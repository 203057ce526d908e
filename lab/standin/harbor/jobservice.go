package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// jobConfig is the part of the chart's config.yml that is used here.
type jobConfig struct {
	Port string `yaml:"port"`
	Pool struct {
		Workers int `yaml:"workers"`
		Redis   struct {
			URL string `yaml:"redis_url"`
		} `yaml:"redis_pool"`
	} `yaml:"worker_pool"`
	Loggers []struct {
		Settings struct {
			Folder string `yaml:"base_dir"`
		} `yaml:"settings"`
	} `yaml:"job_loggers"`
}

// jobservice takes jobs and writes their logs; it does none of them.
type jobservice struct {
	place
	config jobConfig
	folder string
}

func runJobservice(ctx context.Context, p place) error {
	if err := p.need("CORE_SECRET", "JOBSERVICE_SECRET", "CORE_URL", "REGISTRY_CREDENTIAL_PASSWORD"); err != nil {
		return err
	}
	j := &jobservice{place: p}
	if err := p.yaml("/etc/jobservice/config.yml", &j.config); err != nil {
		return err
	}
	if err := j.load(); err != nil {
		return err
	}
	redis, err := newRedisClient(j.config.Pool.Redis.URL)
	if err == nil {
		_, err = redis.do("SET", "worker_pool", now())
	}
	if err != nil {
		return fmt.Errorf("worker pool: %w", err)
	}
	for _, logger := range j.config.Loggers {
		if logger.Settings.Folder != "" {
			j.folder = logger.Settings.Folder
		}
	}
	if j.folder != "" {
		if err := p.writable(j.folder); err != nil {
			return err
		}
	}
	doors := http.NewServeMux()
	doors.HandleFunc("GET /api/v1/stats", func(w http.ResponseWriter, _ *http.Request) {
		pool := doc{"worker_pool_id": "1", "concurrency": j.config.Pool.Workers, "status": "Healthy"}
		json.NewEncoder(w).Encode(doc{"worker_pools": []doc{pool}})
	})
	doors.HandleFunc("POST /api/v1/jobs", j.take)
	doors.HandleFunc("GET /api/v1/jobs/{id}/log", j.log)
	return p.serve(ctx, p.host(j.config.Port), doors, nil)
}

// load asks core for its settings, once: upstream gives up at once, and the kubelet tries again.
func (j *jobservice) load() error {
	address := j.get("CORE_URL") + "/api/v2.0/internalconfig"
	j.say("INFO", "get configuration from url: %s", address)
	asked, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	asked.Header.Set("Authorization", "Harbor-Secret "+j.get("JOBSERVICE_SECRET"))
	answer, err := (&http.Client{Timeout: 30 * time.Second}).Do(asked)
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		err = fmt.Errorf("http error: code %d, message %s", answer.StatusCode, body)
	}
	j.say("ERROR", "Failed on load rest config err:%v url:%s", err, address)
	return death{2, "panic: failed to load configuration, error: failed to load rest config\n\n" +
		"goroutine 1 [running]:\nmain.main()"}
}

// known is whether core's secret came along; the answer is given when not.
func (j *jobservice) known(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "Harbor-Secret "+j.get("CORE_SECRET") {
		return true
	}
	w.WriteHeader(http.StatusUnauthorized)
	return false
}

func (j *jobservice) take(w http.ResponseWriter, r *http.Request) {
	if !j.known(w, r) {
		return
	}
	var asked struct {
		Job struct {
			Name string `json:"name"`
		} `json:"job"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id := random(12)
	if j.folder != "" {
		line := fmt.Sprintf("%s [INFO] %s was taken; the stand-in does no jobs\n", now(), asked.Job.Name)
		if err := os.WriteFile(j.file(filepath.Join(j.folder, id+".log")), []byte(line), 0o644); err != nil {
			j.say("ERROR", "%v", err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(doc{"job": doc{"id": id, "status": "Pending", "name": asked.Job.Name}})
}

var jobID = regexp.MustCompile("^[0-9a-f]{24}$")

func (j *jobservice) log(w http.ResponseWriter, r *http.Request) {
	if !j.known(w, r) {
		return
	}
	id := r.PathValue("id")
	text, err := os.ReadFile(j.file(filepath.Join(j.folder, id+".log")))
	if err != nil || !jobID.MatchString(id) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Write(text)
}

package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this test binary pause itself when a test starts it as such.
func TestMain(m *testing.M) {
	if os.Getenv("BE_PAUSE") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestItStaysAndEndsCleanlyWhenTold(t *testing.T) {
	for _, number := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), "BE_PAUSE=1")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		select {
		case err := <-ended:
			t.Fatalf("ended by itself: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		if err := command.Process.Signal(number); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v: %v, wanted exit 0", number, err)
			}
		case <-time.After(10 * time.Second):
			_ = command.Process.Kill()
			t.Errorf("%v: still there after 10 s", number)
		}
	}
}

func TestItCollectsEveryChildThatEnded(t *testing.T) {
	for range 3 {
		if _, err := syscall.ForkExec("/bin/true", []string{"true"}, nil); err != nil {
			t.Skipf("no program to start as a child: %v", err)
		}
	}
	collected := 0
	for deadline := time.Now().Add(10 * time.Second); collected < 3 && time.Now().Before(deadline); {
		collected += reap()
		time.Sleep(10 * time.Millisecond)
	}
	if collected != 3 {
		t.Errorf("collected %d of 3", collected)
	}
}

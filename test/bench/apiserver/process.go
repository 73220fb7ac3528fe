package apiserver

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTicks is how many ticks a second of /proc has: USER_HZ, which is 100 on every architecture that Go runs on.
const clockTicks = 100

// cpuTime is what a process has used of processors, with those of its children that it waited for left out.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may contain anything; the 14th and 15th fields of the line are the 12th and 13th behind it.
	const user, system = 11, 12
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= system {
		return 0, fmt.Errorf("process %d: unexpected /proc/%d/stat", pid, pid)
	}
	ticks := 0
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// memory is the resident memory of a process in bytes: now, and at most so far. own is the part of now that is the process's
// alone; the rest is pages of its executable, which processes share, and which the kernel takes back when it needs to.
type memory struct{ now, most, own int64 }

func resident(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	var read memory
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		into, ok := map[string]*int64{"VmRSS": &read.now, "VmHWM": &read.most, "RssAnon": &read.own}[key]
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return memory{}, fmt.Errorf("process %d: %w", pid, err)
		}
		*into = kib << 10
	}
	return read, nil
}

package controlplane

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// tailLines is what fits a screen and usually has the reason.
	tailLines = 30
	// tailBytes bounds how much of a log is read for them.
	tailBytes = 64 << 10
)

// LogPath is the log of a part. It is appended to when the part is started again.
func (p *ControlPlane) LogPath(name Part) string {
	return filepath.Join(p.logDir, string(name)+".log")
}

// AuditLogPath is the API server's audit log, one JSON object per line. It exists with Options.Audit.
func (p *ControlPlane) AuditLogPath() string {
	return filepath.Join(p.logDir, "audit.log")
}

// LogDir is the folder of all logs.
func (p *ControlPlane) LogDir() string { return p.logDir }

// KeepLogs has Stop leave the logs where they are, and returns their folder.
func (p *ControlPlane) KeepLogs() string {
	p.keepLogs.Store(true)
	return p.logDir
}

// LogTails are the last lines of the log of every part, for the report of a failure.
func (p *ControlPlane) LogTails() string {
	var tails []string
	for _, part := range p.parts {
		tails = append(tails, tail(part.command.Log))
	}
	return strings.Join(tails, "\n")
}

// tail has the last lines of a file, under a heading.
func tail(path string) string {
	text, err := readEnd(path)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	lines := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("--- the end of %s\n%s", path, bytes.Join(lines, []byte("\n")))
}

func readEnd(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(0, info.Size()-tailBytes), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// logScan reads what is appended to a log.
type logScan struct {
	path  string
	start int64
}

func scanFromEnd(path string) logScan {
	s := logScan{path: path}
	if info, err := os.Stat(path); err == nil { // there is none before the first start
		s.start = info.Size()
	}
	return s
}

func (s logScan) read() ([]byte, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, s.start, 1<<62))
}

package cli

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
)

// newLogger builds the structured logger. Levels are debug, info, warn, error; formats are json and text.
func newLogger(out io.Writer, level, format string) (logr.Logger, error) {
	var threshold slog.Level
	if err := threshold.UnmarshalText([]byte(level)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level: %q is none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: threshold, ReplaceAttr: plainErrors}
	switch strings.ToLower(format) {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(out, options)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(out, options)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format: %q is none of json, text", format)
}

// plainErrors logs an error as its message: some libraries' errors carry stack traces, which slog would print.
func plainErrors(_ []string, attribute slog.Attr) slog.Attr {
	if err, ok := attribute.Value.Any().(error); ok {
		attribute.Value = slog.StringValue(err.Error())
	}
	return attribute
}

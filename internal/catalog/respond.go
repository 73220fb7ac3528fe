package catalog

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// gzipFrom is the size of an answer in bytes from which on it is worth compressing.
const gzipFrom = 1024

// respond answers with a body that may be kept by the caller and asked for again.
func respond(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Authorization, Accept-Encoding")
	digest := sha256.Sum256(body)
	tag := hex.EncodeToString(digest[:16])
	compressed := len(body) >= gzipFrom && takesGzip(r.Header.Get("Accept-Encoding"))
	if compressed {
		tag += "-gzip" // a strong tag is of the bytes that are sent
	}
	tag = `"` + tag + `"`
	header.Set("ETag", tag)
	if matchesTag(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if compressed {
		var out bytes.Buffer
		writer, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level is one
		_, _ = writer.Write(body)                              // a buffer takes all
		_ = writer.Close()
		header.Set("Content-Encoding", "gzip")
		body = out.Bytes()
	}
	_, _ = w.Write(body)
}

// takesGzip reports whether a caller takes gzip.
func takesGzip(accepted string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			quality := strings.ReplaceAll(parameters, " ", "")
			return quality != "q=0" && strings.Trim(quality, "0.") != "q="
		}
	}
	return false
}

// matchesTag reports whether the caller has what the tag stands for. Tags are compared weakly, as If-None-Match wants it.
func matchesTag(known, tag string) bool {
	for part := range strings.SplitSeq(known, ",") {
		if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}

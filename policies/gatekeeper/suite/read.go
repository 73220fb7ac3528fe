package suite

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Find yields the suites that a path leads to: that of a file, those in a folder, or, with "/..." behind, those in it and below, in the
// order of their paths. Files that are no suites are passed by.
func Find(path string) ([]*Suite, error) {
	path, recursive := strings.CutSuffix(path, "/...")
	if path == "..." {
		path, recursive = ".", true
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.IsDir() && recursive:
		return nil, fmt.Errorf("%s/...: %s is a file: leave /... out", path, path)
	case !info.IsDir() && !isYAML(path):
		return nil, fmt.Errorf("%s: a suite is in a .yaml or .yml file", path)
	case !info.IsDir():
		return readAll([]string{path})
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != path && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && isYAML(file):
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return readAll(files)
}

func isYAML(path string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path))
}

func readAll(files []string) ([]*Suite, error) {
	slices.Sort(files)
	var suites []*Suite
	var errs []error
	for _, file := range files {
		suite, err := read(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
		if suite != nil {
			suites = append(suites, suite)
		}
	}
	return suites, errors.Join(errs...)
}

// read yields nil for a file that is no suite.
func read(file string) (*Suite, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	object, err := parse(content)
	if err != nil {
		if strings.Contains(string(content), Group) {
			return nil, err
		}
		return nil, nil // a file of several documents, as others have beside their suites
	}
	apiVersion, _ := object["apiVersion"].(string)
	if group, _, _ := strings.Cut(apiVersion, "/"); group != Group || object["kind"] != Kind {
		return nil, nil
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	suite := &Suite{Path: file}
	return suite, json.Unmarshal(text, suite)
}

// parse reads the first YAML document as Gatekeeper does: YAML 1.2, in which on and yes are texts.
func parse(content []byte) (map[string]any, error) {
	object := map[string]any{}
	if err := yaml.Unmarshal(content, object); err != nil {
		return nil, err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var normalized map[string]any
	return normalized, utiljson.Unmarshal(text, &normalized)
}

// readObject reads the first object of a file.
func readObject(file string) (map[string]any, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the suite names the file
	if err != nil {
		return nil, err
	}
	object, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return object, nil
}

// readObjects reads all objects of a file; there must be one at least. As in Gatekeeper, lines that are empty or comments do not count,
// not even within a text.
func readObjects(file string) ([]map[string]any, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the suite names the file
	if err != nil {
		return nil, err
	}
	var objects []map[string]any
	for document := range strings.SplitSeq(string(content), "\n---") {
		document = withoutComments(document)
		if document == "" {
			continue
		}
		object, err := parse([]byte(document))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		objects = append(objects, object)
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("%s: there is no object in it", file)
	}
	return objects, nil
}

func withoutComments(document string) string {
	var text strings.Builder
	for line := range strings.SplitSeq(document, "\n") {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			text.WriteString(line + "\n")
		}
	}
	return text.String()
}

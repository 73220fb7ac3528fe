package binaries

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cacheEnvOfChild has this test binary be another process that fills the cache named by its value.
const cacheEnvOfChild = "BINARIES_TEST_CACHE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(cacheEnvOfChild); dir != "" {
		if _, err := Ensure(context.Background(), Options{CacheDir: dir, WithoutKro: true}); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// fakeAssets is a folder for KUBEBUILDER_ASSETS with the named programs.
func fakeAssets(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAssetsFolderSuppliesWhatItHas(t *testing.T) {
	assets := fakeAssets(t, assetNames()...)
	t.Setenv(AssetsEnv, assets)
	t.Setenv(CacheEnv, t.TempDir())
	progress := new(bytes.Buffer)
	paths, err := Ensure(t.Context(), Options{WithoutKro: true, Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	want := Paths{
		APIServer: filepath.Join(assets, "kube-apiserver"),
		Etcd:      filepath.Join(assets, "etcd"),
		Kubectl:   filepath.Join(assets, "kubectl"),
		Reaper:    paths.Reaper, // never taken from there
	}
	if paths != want {
		t.Errorf("got  %+v\nwant %+v", paths, want)
	}
	if !strings.HasPrefix(paths.Reaper, os.Getenv(CacheEnv)) || !strings.Contains(progress.String(), "built reaper") {
		t.Errorf("the reaper is %s; said %q", paths.Reaper, progress)
	}
}

func TestLinkedAssetsKeepTheirPlainNames(t *testing.T) {
	assets := fakeAssets(t, assetNames()...)
	o := Options{WithoutKro: true, AssetsDir: assets, CacheDir: t.TempDir(), Progress: new(bytes.Buffer)}
	for range 2 { // again, it finds the links
		dir, err := Assets(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range assetNames() {
			if to, err := os.Readlink(filepath.Join(dir, name)); err != nil || to != filepath.Join(assets, name) {
				t.Errorf("%s leads to %s, %v", name, to, err)
			}
		}
	}
}

func TestAssetsFolderThatDoesNotExistIsRefused(t *testing.T) {
	t.Setenv(AssetsEnv, filepath.Join(t.TempDir(), "typo"))
	if _, err := Ensure(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "unset it to have the programs built") {
		t.Errorf("got %v", err)
	}
}

func TestAssetsThatCannotBeRunAreLackingAssets(t *testing.T) {
	dir := fakeAssets(t, "etcd", "kro")
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"etcd": filepath.Join(dir, "etcd"), "kubectl": "", "kube-apiserver": "", "kro": ""} {
		if got := asset(dir, name); got != want {
			t.Errorf("asset %s: got %q, want %q", name, got, want)
		}
	}
}

func TestProcessesBuildOnceAndTheNextCallNeedsNoGo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(AssetsEnv, fakeAssets(t, assetNames()...))
	var outputs bytes.Buffer
	var children []*exec.Cmd
	for range 3 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), cacheEnvOfChild+"="+dir)
		var output bytes.Buffer
		child.Stderr = &output
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, child)
	}
	for _, child := range children {
		err := child.Wait()
		outputs.Write(child.Stderr.(*bytes.Buffer).Bytes())
		if err != nil {
			t.Fatalf("%v: %s", err, &outputs)
		}
	}
	if n := strings.Count(outputs.String(), "built reaper"); n != 1 {
		t.Errorf("%d processes built:\n%s", n, &outputs)
	}

	t.Setenv("PATH", "")
	progress := new(bytes.Buffer)
	if _, err := Ensure(t.Context(), Options{CacheDir: dir, WithoutKro: true, Progress: progress}); err != nil {
		t.Fatal(err)
	}
	if progress.Len() != 0 {
		t.Errorf("it said %q", progress)
	}
	_, err := Ensure(t.Context(), Options{CacheDir: t.TempDir(), Progress: progress})
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("without a cache nor go: got %v", err)
	}
}

func TestBuildErrorsShowTheCompilersOutput(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":  "module broken\n\ngo 1.26\n",
		"main.go": "package main\n\nfunc main() { nonsense() }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := Ensure(t.Context(), Options{
		AssetsDir: fakeAssets(t, assetNames()...), CacheDir: t.TempDir(), WithoutKro: true, Progress: new(bytes.Buffer),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, reaper := range map[string]string{"plain": "", "reaped": paths.Reaper} {
		t.Run(name, func(t *testing.T) {
			g := goCommand{reaper: reaper, staging: t.TempDir()}
			err := g.build(t.Context(), dir, ".", "", filepath.Join(t.TempDir(), "out"))
			if err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
				t.Errorf("got %v", err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("changed my mind"))
			if err := g.build(ctx, dir, ".", "", filepath.Join(t.TempDir(), "out")); err == nil || err.Error() != "changed my mind" {
				t.Errorf("with a context that ended: got %v", err)
			}
		})
	}
}

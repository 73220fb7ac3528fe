package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// write puts the images where the options say.
func (o *options) write(ctx context.Context, index v1.ImageIndex, progress io.Writer) error {
	if o.layout != "" {
		if err := writeLayout(o.layout, index, o.tag.TagStr()); err != nil {
			return fmt.Errorf("writing the image layout %s: %w", o.layout, err)
		}
		fmt.Fprintf(progress, "OCI image layout: %s\n", o.layout)
	}
	if o.archive != "" {
		if err := o.writeArchive(index); err != nil {
			return fmt.Errorf("writing the archive %s: %w", o.archive, err)
		}
		fmt.Fprintf(progress, "archive of %s for docker load, podman load, kind load image-archive: %s\n", o.tag, o.archive)
	}
	if o.push {
		if err := remote.WriteIndex(o.tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("pushing %s: %w", o.tag, err)
		}
		fmt.Fprintf(progress, "pushed %s\n", o.tag)
	}
	return nil
}

// writeLayout replaces the folder, which must be a layout if it is there.
func writeLayout(dir string, index v1.ImageIndex, tag string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := layout.FromPath(dir); err != nil {
			return fmt.Errorf("the folder holds something else: %w", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag}))
}

// writeArchive writes the image for the processor of this machine, or the first one.
func (o *options) writeArchive(index v1.ImageIndex) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	chosen := manifest.Manifests[0].Digest
	for _, one := range manifest.Manifests {
		if one.Platform.Architecture == runtime.GOARCH {
			chosen = one.Digest
		}
	}
	image, err := index.Image(chosen)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.archive), 0o750); err != nil {
		return err
	}
	return tarball.WriteToFile(o.archive, o.tag, image)
}

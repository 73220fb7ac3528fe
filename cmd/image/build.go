package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// build makes the image of each platform, and the index of them.
func build(ctx context.Context, o *options, progress io.Writer) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range o.platforms {
		fmt.Fprintf(progress, "building kroguard %s for %s (minutes the first time) ...\n", o.version, platform)
		image, err := buildOne(ctx, o, platform, progress)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &platform},
		})
	}
	return mutate.Annotations(index, annotations(&o.release)).(v1.ImageIndex), nil //nolint:errcheck,forcetypeassert // it returns what it is given
}

func buildOne(ctx context.Context, o *options, platform v1.Platform, progress io.Writer) (v1.Image, error) {
	program, err := compile(ctx, o.source, &o.release, platform, progress)
	if err != nil {
		return nil, err
	}
	image, err := startingPoint(ctx, o, platform)
	if err != nil {
		return nil, err
	}
	layer, err := newLayer(o.date, file{name: "kroguard", mode: 0o755, content: program})
	if err != nil {
		return nil, err
	}
	image, err = appendLayer(image, layer, o.date, "the program")
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.OS, platform.Architecture
	config.Created = v1.Time{Time: o.date}
	config.Author = ""
	config.Config.User = user
	config.Config.WorkingDir = "/"
	config.Config.Entrypoint = []string{"/kroguard"}
	config.Config.Cmd = []string{"serve"}
	config.Config.Labels = annotations(&o.release)
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	return mutate.Annotations(image, annotations(&o.release)).(v1.Image), nil //nolint:errcheck,forcetypeassert // it returns what it is given
}

// startingPoint is the base image for a platform or, where there is none, an image with the files that one would bring.
func startingPoint(ctx context.Context, o *options, platform v1.Platform) (v1.Image, error) {
	if o.base != nil {
		image, err := remote.Image(o.base, remote.WithContext(ctx), remote.WithPlatform(platform),
			remote.WithAuthFromKeychain(authn.DefaultKeychain))
		if err != nil {
			return nil, fmt.Errorf("pulling the base image for %s: %w", platform, err)
		}
		return image, nil
	}
	layer, err := newLayer(o.date, system()...)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	return appendLayer(image, layer, o.date, "names of users")
}

func appendLayer(image v1.Image, layer v1.Layer, date time.Time, comment string) (v1.Image, error) {
	return mutate.Append(image, mutate.Addendum{
		Layer: layer, History: v1.History{Created: v1.Time{Time: date}, CreatedBy: "kroguard/cmd/image", Comment: comment},
	})
}

// annotations are the labels of the images as well.
func annotations(r *release) map[string]string {
	out := map[string]string{
		"org.opencontainers.image.title":       "kroguard",
		"org.opencontainers.image.description": "Admission webhooks and policy engine for kro",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.created":     r.date.Format(time.RFC3339),
	}
	if r.commit != "" {
		out["org.opencontainers.image.revision"] = r.commit
	}
	return out
}

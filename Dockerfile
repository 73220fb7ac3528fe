# syntax=docker/dockerfile:1
# The image of kroguard: one static binary, no shell, no root. `make image` makes it without a container engine, and the same each time.
#
#   docker build --build-arg VERSION=v1.2.3 --tag kroguard:v1.2.3 .
#   docker buildx build --platform linux/amd64,linux/arm64 ...
#
# The compiler always runs on the builder's own platform and cross-compiles, which is many times faster than emulation.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src

# Modules change less often than the code, so they have a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download

COPY cmd/kroguard cmd/kroguard
COPY docs docs
COPY internal internal
COPY policies policies
COPY webhook webhook

ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
# The repository is not in the build's context, so the go command can't tell.
ARG COMMIT=
ARG DATE=
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT -X main.date=$DATE" -o /kroguard ./cmd/kroguard

FROM gcr.io/distroless/static:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="kroguard" \
      org.opencontainers.image.description="Admission webhooks and policy engine for kro" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /kroguard /kroguard
# The user nonroot of the base image, as a number so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/kroguard"]
CMD ["serve"]

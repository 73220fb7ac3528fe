// Package config tests the manifests in config/ against a real API server: what `kubectl apply -k` sends is accepted, without a
// warning, and stays as it is when sent again; the role covers what the code's markers ask for; the samples do what their
// comments say.
package config

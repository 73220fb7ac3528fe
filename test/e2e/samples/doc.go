// Package samples applies the manifests in config/samples, the first that a newcomer tries, and checks that they do what their
// comments say, on a real API server with kro and kroguard running.
package samples

// Package project resolves a namespace to the Project that owns it, in constant time, from an index that is built when the
// configuration changes.
//
// A namespace that carries the label kroguard.io/project or knodex.io/project belongs to that project; else an exact name
// wins over a glob, and a glob over a selector. Two projects with equal right are a conflict, which both Projects show and
// which refuses instances there.
package project

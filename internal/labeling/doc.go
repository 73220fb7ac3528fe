// Package labeling computes the ownership and cost labels of an instance, and the annotations that record what kroguard
// injected.
//
// Sources, strongest first: labels that the project enforces, the user's own labels, the namespace's labels, the project, the
// RGD. Everything here is a pure function of object, old object, offering, project and namespace, but for created-by, which is
// the requesting user on CREATE.
package labeling

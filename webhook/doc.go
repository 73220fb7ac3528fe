// Package webhook serves kroguard's admission webhooks: it decodes admission reviews, asks the review pipeline, and builds the
// responses. No judgement is made here.
//
// Instances have kinds that are unknown at compile time, so their handlers work on raw, unstructured objects. kroguard's own
// kinds and RGDs are typed. The webhook configuration that the API server reads is built by internal/registration and kept by
// internal/controller.
package webhook

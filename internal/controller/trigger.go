package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// coalesce is how long an event waits for company: a burst of changes, as a kubectl apply of a folder or the creation of a
// thousand namespaces, costs at most a hundred rounds a second. Nobody notices the delay.
const coalesce = 10 * time.Millisecond

// queue is the work queue of a controller.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// everything is the one key of each controller here: every event means that all is looked at again.
func everything() reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Name: "everything"}}
}

// enqueueEverything turns any event into the one key.
func enqueueEverything() handler.EventHandler { return enqueueAfter(coalesce) }

// enqueueAfter is enqueueEverything with another time to wait for company.
func enqueueAfter(delay time.Duration) handler.EventHandler {
	return handler.Funcs{
		CreateFunc:  func(_ context.Context, _ event.CreateEvent, q queue) { q.AddAfter(everything(), delay) },
		UpdateFunc:  func(_ context.Context, _ event.UpdateEvent, q queue) { q.AddAfter(everything(), delay) },
		DeleteFunc:  func(_ context.Context, _ event.DeleteEvent, q queue) { q.AddAfter(everything(), delay) },
		GenericFunc: func(_ context.Context, _ event.GenericEvent, q queue) { q.AddAfter(everything(), delay) },
	}
}

// trigger is a source of events that other parts of kroguard fire. What is fired before the controller starts is not lost:
// starting counts as an event. The zero value is ready to use.
type trigger struct {
	mu    sync.Mutex
	queue queue
}

var _ source.Source = (*trigger)(nil)

// Start implements source.Source.
func (t *trigger) Start(_ context.Context, q queue) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = q
	q.Add(everything())
	return nil
}

// fire enqueues the one key. It does not block and is safe for concurrent use.
func (t *trigger) fire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue != nil {
		t.queue.Add(everything())
	}
}

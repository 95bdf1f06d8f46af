package panelet

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"panelet.dev/examples/client-go/pb"
)

// Error says why a session cannot go on. Reason is Panelet's word, such as PANEL_UNKNOWN; empty: nobody of Panelet has answered.
type Error struct {
	Code         codes.Code
	Reason, Text string
	trailer      metadata.MD
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %s", e.Code, e.Reason, e.Text) }

func errorOf(err error, trailer metadata.MD) *Error {
	said := status.Convert(err)
	return &Error{said.Code(), first(trailer, "panelet-reason"), said.Message(), trailer}
}

func first(trailer metadata.MD, key string) string { return append(trailer.Get(key), "")[0] }

// isPassing says whether to attach again: the status table of the reference.
func (e *Error) isPassing(attached bool, home string) bool {
	switch node, _ := url.PathUnescape(first(e.trailer, "panelet-node")); e.Reason {
	case "":
		return e.Code != codes.Unimplemented && e.Code != codes.Unauthenticated && e.Code != codes.PermissionDenied
	case "LIMIT_EXCEEDED":
		return attached || first(e.trailer, "panelet-retry-after-ms") != ""
	case "SESSION_UNKNOWN", "PANEL_UNKNOWN":
		return home != "" && node != "" && node != home
	}
	return e.Code == codes.Unavailable || e.Reason == "TIMEOUT"
}

// pause is the wait between two attempts: what the worker asks for, else up to 50 ms, doubled up to 5 s.
type pause struct {
	tries  int
	random func(time.Duration) time.Duration // Below what it is given.
}

func (p *pause) next(welcomed time.Time, ready *pb.Drain, err error) time.Duration {
	if !welcomed.IsZero() && time.Since(welcomed) > time.Second {
		p.tries = 0
	}
	var said *Error
	if ready != nil {
		p.tries = 0
		return ready.RetryAfter.AsDuration()
	} else if errors.As(err, &said) {
		if ms, err := strconv.Atoi(first(said.trailer, "panelet-retry-after-ms")); err == nil {
			return time.Duration(ms) * time.Millisecond
		}
	}
	p.tries++
	return p.random(min(5*time.Second, 50*time.Millisecond<<min(p.tries-1, 10)))
}

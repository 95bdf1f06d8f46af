package panelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"panelet.dev/examples/client-go/pb"
)

// Error says why a session cannot go on. Reason is Panelet's word, such as PANEL_UNKNOWN; empty: nobody of Panelet has answered.
type Error struct {
	Code         codes.Code
	Reason, Text string
	node         string
	wait         time.Duration
	saysWait     bool
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %s", e.Code, e.Reason, e.Text) }

// isPassing says whether to attach again: the status table of the reference.
func (e *Error) isPassing(attached bool, home string) bool {
	switch e.Reason {
	case "":
		return e.Code != codes.Unimplemented && e.Code != codes.Unauthenticated && e.Code != codes.PermissionDenied
	case "LIMIT_EXCEEDED":
		return attached || e.saysWait
	case "SESSION_UNKNOWN", "PANEL_UNKNOWN":
		return home != "" && e.node != "" && e.node != home
	}
	return e.Code == codes.Unavailable || e.Reason == "TIMEOUT"
}

// run attaches until the session is over.
func (s *Session) run() {
	lost, tries, readyAt := time.Now(), 0, time.Time{}
	for {
		welcomed, err := s.attach()
		now := time.Now()
		s.mu.Lock()
		over, final := s.judge(err)
		s.mu.Unlock()
		if over || final != nil {
			s.finish(final)
			return
		}
		if !welcomed.IsZero() {
			if lost = now; now.Sub(welcomed) > time.Second {
				tries = 0
			}
		}
		var said *Error
		ceiling := 5 * time.Second
		if now.Sub(readyAt) < 15*time.Second {
			ceiling = 500 * time.Millisecond // A replacement is on its way.
		}
		wait := mathrand.N(min(ceiling, 50*time.Millisecond<<min(tries, 10)))
		if s.ready != nil {
			wait, tries, readyAt = s.ready.RetryAfter.AsDuration(), 0, now
			s.ready = nil // Said of this attempt alone.
		} else if errors.As(err, &said) && said.saysWait {
			wait = said.wait
		} else {
			tries++
		}
		if limit := max(s.keptFor, openingTime); now.Add(wait).Sub(lost) > limit {
			s.finish(fmt.Errorf("could not attach for %s: %w", limit, err))
			return
		}
		time.Sleep(wait)
	}
}

// judge says whether the session is over, and what went wrong where it should not be.
func (s *Session) judge(err error) (bool, error) {
	if d := s.detach; d != nil {
		switch d.Reason {
		case pb.DetachReason_DETACH_REASON_ENDED:
			if d.Cause > pb.EndCause_END_CAUSE_FINISHED {
				return true, &Error{Code: codes.FailedPrecondition, Reason: "SESSION_ENDED", Text: d.Cause.String() + " " + d.Message}
			}
			return true, nil
		case pb.DetachReason_DETACH_REASON_REVOKED:
			return true, &Error{Code: codes.PermissionDenied, Reason: "REVOKED", Text: d.Message}
		case pb.DetachReason_DETACH_REASON_SUPERSEDED:
			if !s.nonces[d.AttachNonce] {
				return true, &Error{Code: codes.Aborted, Reason: "ATTACH_SUPERSEDED", Text: d.Message}
			}
		}
	}
	if err == nil {
		return false, nil
	}
	var said *Error
	if !errors.As(err, &said) {
		return true, err // The worker broke the protocol.
	}
	if said.isPassing(s.incarnation > 0, s.node) {
		return false, nil
	}
	if s.peerFin && (said.Reason == "SESSION_ENDED" || said.Reason == "SESSION_UNKNOWN") {
		return true, nil // Its last word was lost.
	}
	return true, said
}

func (s *Session) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.isOver = err, true
	s.changed.Broadcast()
}

// attach is one attachment, from connection to end; nil where the RPC ended with OK. It tells when it was welcomed.
func (s *Session) attach() (time.Time, error) {
	conn, err := s.connect()
	if err != nil {
		return time.Time{}, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.options.Token != nil {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.options.Token())
	}
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := conn.NewStream(ctx, description, "/panelet.session.v1.SessionService/Attach")
	if err != nil {
		return time.Time{}, errorOf(err, nil)
	}
	patience := time.AfterFunc(15*time.Second, cancel)
	stream.SendMsg(s.hello()) // An error is said by RecvMsg.
	var welcomed time.Time
	for {
		message := &pb.Frames{}
		if err := stream.RecvMsg(message); err == io.EOF {
			return welcomed, nil
		} else if err != nil {
			return welcomed, errorOf(err, stream.Trailer())
		}
		s.mu.Lock()
		if welcomed.IsZero() {
			patience.Stop()
			err = s.welcome(message)
		}
		if err == nil {
			err = s.take(message)
		}
		if s.detach != nil {
			time.AfterFunc(5*time.Second, cancel)
		}
		s.mu.Unlock()
		if err != nil {
			return welcomed, err
		}
		if welcomed.IsZero() {
			welcomed = time.Now()
			go s.send(ctx, stream)
		}
	}
}

// send sends what there is to say until the attachment is over.
func (s *Session) send(ctx context.Context, stream grpc.ClientStream) {
	stop := context.AfterFunc(ctx, s.changed.Broadcast)
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil {
		frames := s.pull()
		if len(frames) == 0 && (s.ackDue.IsZero() || time.Now().Before(s.ackDue)) {
			s.changed.Wait()
			continue
		}
		message := s.envelope(frames)
		s.mu.Unlock()
		err := stream.SendMsg(message)
		s.mu.Lock()
		if err != nil {
			return
		}
	}
}

func (s *Session) hello() *pb.Frames {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach, s.ready, s.pongs = nil, nil, nil
	hello := &pb.Hello{
		Versions: []uint32{1}, Panel: s.options.Panel, SessionId: s.id, ClientId: s.clientID, AttachNonce: uuid(),
		Mode: pb.AttachMode_ATTACH_MODE_OPEN, NextRx: s.nextRx, TxBase: s.base(), TxNext: s.nextTx,
	}
	if s.token == nil {
		hello.Parameters = s.options.Parameters
	} else {
		hello.Mode, hello.ResumeToken, hello.Incarnation = pb.AttachMode_ATTACH_MODE_RESUME, s.token, s.incarnation
	}
	s.nonces[hello.AttachNonce] = true
	return s.envelope([]*pb.Frame{{Kind: &pb.Frame_Hello{Hello: hello}}})
}

func (s *Session) welcome(message *pb.Frames) error {
	if len(message.Frames) == 0 || message.Frames[0].GetWelcome() == nil {
		return errors.New("the first frame of the worker is not a welcome")
	}
	w := message.Frames[0].GetWelcome()
	if w.Outcome == pb.ResumeOutcome_RESUME_OUTCOME_ROLLED_BACK {
		return errors.New("ROLLED_BACK: the state of the worker is gone")
	}
	if w.NextRx < s.base() || w.NextRx > s.nextTx {
		return fmt.Errorf("SESSION_LOST: the worker expects %d, held are %d to %d", w.NextRx, s.base(), s.nextTx-1)
	}
	s.token, s.incarnation, s.node, s.keptFor = w.ResumeToken, w.Incarnation, w.Node, w.ResumeTtl.AsDuration()
	s.toSend = w.NextRx
	return nil
}

// connect takes the first address that takes a connection, and gives each 3 seconds.
func (s *Session) connect() (*grpc.ClientConn, error) {
	transport := s.options.Credentials
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	alive := keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}
	for _, address := range s.options.Addresses {
		conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(transport), grpc.WithDisableRetry(),
			grpc.WithKeepaliveParams(alive), grpc.WithNoProxy())
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		conn.Connect()
		state := conn.GetState()
		for state != connectivity.Ready && state != connectivity.TransientFailure && conn.WaitForStateChange(ctx, state) {
			state = conn.GetState()
		}
		cancel()
		if state == connectivity.Ready {
			return conn, nil
		}
		conn.Close()
	}
	return nil, &Error{Code: codes.Unavailable, Text: "no address takes a connection"}
}

func errorOf(err error, trailer metadata.MD) *Error {
	first := func(key string) string {
		if values := trailer.Get(key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	node, _ := url.PathUnescape(first("panelet-node"))
	ms, noWait := strconv.Atoi(first("panelet-retry-after-ms"))
	said := status.Convert(err)
	return &Error{said.Code(), first("panelet-reason"), said.Message(), node, time.Duration(ms) * time.Millisecond, noWait == nil}
}

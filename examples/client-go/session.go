// Package panelet is a small client of Panelet's agents, written from docs/reference/session-protocol.md and session.proto.
package panelet

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"panelet.dev/examples/client-go/pb"
)

const window, pieceBytes = 256 << 10, 32 << 10

// Options say where a session is and what of. Token is asked before every attempt; nil: none. Credentials nil: plaintext, for loopback.
type Options struct {
	Addresses   []string
	Panel       string
	Parameters  map[string]string
	Token       func() string
	Credentials credentials.TransportCredentials
}

type kept struct {
	frame *pb.Frame
	end   uint64 // Data bytes of all frames up to and with this one.
}

type session struct {
	options              Options
	out                  io.Writer
	id, clientID, node   string
	token                []byte
	incarnation          uint64 // 0 before the first Welcome.
	keptFor              time.Duration
	mu                   sync.Mutex // Of all that follows.
	changed              *sync.Cond
	kept                 []kept // Not acknowledged, in order; the last has the number nextTx-1.
	nextTx, toSend, sent uint64 // sent: data bytes of all frames.
	credit               uint64
	nextRx, received     uint64 // received: data bytes that were written to out.
	owesAck, peerFin     bool
	detach               *pb.Detach
	ready                *pb.Drain
}

// Run opens a session, sends it what in has, and writes to out what comes back, over as many attachments as it takes. It ends with the session:
// with nil where that has ended as it should. It tries for 30 seconds, or for as long as the worker keeps the session.
func Run(options Options, in io.Reader, out io.Writer) error {
	return run(options, &pause{random: rand.N[time.Duration]}, in, out)
}

func run(options Options, pause *pause, in io.Reader, out io.Writer) error {
	s := &session{options: options, out: out, id: uuid(), clientID: uuid(), nextTx: 1, toSend: 1, nextRx: 1}
	s.changed = sync.NewCond(&s.mu)
	go s.read(in)
	for lost, failed := time.Now(), 0; ; {
		s.detach, s.ready = nil, nil // Said of one attempt alone.
		welcomed, err := s.attach(options.Addresses[failed%len(options.Addresses)])
		if isOver, err := s.judge(err); isOver {
			return err
		}
		if welcomed.IsZero() {
			failed++
		} else {
			lost = time.Now()
		}
		wait := pause.next(welcomed, s.ready, err)
		if limit := max(s.keptFor, 30*time.Second); time.Since(lost)+wait > limit {
			return fmt.Errorf("could not attach for %s: %w", limit, err)
		}
		time.Sleep(wait)
	}
}

// judge says whether the session is over, and what went wrong where it should not be.
func (s *session) judge(err error) (bool, error) {
	switch d := s.detach; d.GetReason() {
	case pb.DetachReason_DETACH_REASON_ENDED, pb.DetachReason_DETACH_REASON_REVOKED, pb.DetachReason_DETACH_REASON_SUPERSEDED:
		if d.Reason == pb.DetachReason_DETACH_REASON_ENDED && d.Cause <= pb.EndCause_END_CAUSE_FINISHED {
			return true, nil
		}
		return true, fmt.Errorf("%s %s: %s", d.Reason, d.Cause, d.Message)
	}
	var said *Error
	if err == nil || (errors.As(err, &said) && said.isPassing(s.incarnation > 0, s.node)) {
		return false, nil
	}
	if s.peerFin && said != nil && (said.Reason == "SESSION_ENDED" || said.Reason == "SESSION_UNKNOWN") {
		return true, nil // Its last word was lost.
	}
	return true, err
}

// attach is one attachment, from connection to end; nil where the RPC ended with OK. It tells when it was welcomed.
func (s *session) attach(address string) (welcomed time.Time, err error) {
	transport := s.options.Credentials
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(transport), grpc.WithDisableRetry(), grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 3 * time.Second}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}))
	if err != nil {
		return welcomed, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	patience := time.AfterFunc(15*time.Second, cancel)
	if s.options.Token != nil {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.options.Token())
	}
	both := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := conn.NewStream(ctx, both, "/panelet.session.v1.SessionService/Attach")
	if err != nil {
		return welcomed, errorOf(err, nil)
	}
	stream.SendMsg(s.hello()) // An error is said by RecvMsg.
	for {
		message := &pb.Frames{}
		if err := stream.RecvMsg(message); err == io.EOF {
			return welcomed, nil
		} else if err != nil {
			return welcomed, errorOf(err, stream.Trailer())
		}
		if err := s.take(message, welcomed.IsZero()); err != nil {
			return welcomed, err
		}
		if welcomed.IsZero() && patience.Stop() {
			welcomed = time.Now()
			go s.send(ctx, stream)
		}
	}
}

// read numbers what in has, and waits while more than a window of it is not acknowledged.
func (s *session) read(in io.Reader) {
	for err := error(nil); err == nil; {
		var n int
		piece := make([]byte, pieceBytes)
		n, err = in.Read(piece)
		s.mu.Lock()
		if n > 0 {
			s.number(&pb.Frame{Kind: &pb.Frame_Data{Data: &pb.Data{Channel: pb.Channel_CHANNEL_STDIN, Payload: piece[:n]}}}, n)
		}
		if err != nil {
			s.number(&pb.Frame{Kind: &pb.Frame_Fin{Fin: &pb.Fin{}}}, 0)
		}
		for len(s.kept) > 0 && s.sent-s.kept[0].end > window {
			s.changed.Wait()
		}
		s.mu.Unlock()
	}
}

func (s *session) number(frame *pb.Frame, size int) {
	frame.Seq = s.nextTx
	s.nextTx, s.sent = s.nextTx+1, s.sent+uint64(size)
	s.kept = append(s.kept, kept{frame, s.sent})
	s.changed.Broadcast()
}

// send sends what there is to say, within the credit, until the attachment is over.
func (s *session) send(ctx context.Context, stream grpc.ClientStream) {
	defer context.AfterFunc(ctx, s.changed.Broadcast)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil {
		var frames []*pb.Frame
		for bytes := 0; s.toSend < s.nextTx && bytes < pieceBytes && s.kept[s.toSend-s.base()].end <= s.credit; s.toSend++ {
			frames = append(frames, s.kept[s.toSend-s.base()].frame)
			bytes += len(frames[len(frames)-1].GetData().GetPayload())
		}
		if len(frames) == 0 && !s.owesAck {
			s.changed.Wait()
			continue
		}
		message := s.envelope(frames...)
		s.mu.Unlock()
		err := stream.SendMsg(message)
		s.mu.Lock()
		if err != nil {
			return
		}
	}
}

func (s *session) base() uint64 { return s.nextTx - uint64(len(s.kept)) }

func (s *session) envelope(frames ...*pb.Frame) *pb.Frames {
	s.owesAck = false
	return &pb.Frames{Ack: s.nextRx - 1, Credit: s.received + window, Frames: frames}
}

func (s *session) hello() *pb.Frames {
	s.mu.Lock()
	defer s.mu.Unlock()
	hello := &pb.Hello{Versions: []uint32{1}, Panel: s.options.Panel, SessionId: s.id, ClientId: s.clientID, AttachNonce: uuid(),
		Mode: pb.AttachMode_ATTACH_MODE_OPEN, NextRx: s.nextRx, TxBase: s.base(), TxNext: s.nextTx, Parameters: s.options.Parameters}
	if s.token != nil {
		hello.Mode, hello.ResumeToken, hello.Incarnation, hello.Parameters = pb.AttachMode_ATTACH_MODE_RESUME, s.token, s.incarnation, nil
	}
	return s.envelope(&pb.Frame{Kind: &pb.Frame_Hello{Hello: hello}})
}

func (s *session) welcome(message *pb.Frames) error {
	w := append(message.Frames, nil)[0].GetWelcome()
	if w == nil || w.Outcome == pb.ResumeOutcome_RESUME_OUTCOME_ROLLED_BACK {
		return fmt.Errorf("no welcome, or the state of the worker is gone: %s", w.GetOutcome())
	} else if w.NextRx < s.base() || w.NextRx > s.nextTx {
		return fmt.Errorf("SESSION_LOST: the worker expects %d, held are %d to %d", w.NextRx, s.base(), s.nextTx-1)
	}
	s.token, s.incarnation, s.node, s.keptFor, s.toSend = w.ResumeToken, w.Incarnation, w.Node, w.ResumeTtl.AsDuration(), w.NextRx
	return nil
}

func (s *session) take(message *pb.Frames, isFirst bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isFirst {
		if err := s.welcome(message); err != nil {
			return err
		}
	}
	if message.Ack >= s.toSend {
		return fmt.Errorf("ack %d is beyond what was sent, %d", message.Ack, s.toSend-1)
	}
	for len(s.kept) > 0 && s.base() <= message.Ack {
		s.kept = s.kept[1:]
	}
	s.credit = max(s.credit, message.Credit)
	s.changed.Broadcast()
	for _, frame := range message.Frames {
		if frame.Seq > s.nextRx {
			return fmt.Errorf("frame %d came where %d was expected", frame.Seq, s.nextRx)
		}
		s.owesAck = s.owesAck || frame.Seq > 0
		if frame.Seq > 0 && frame.Seq < s.nextRx {
			continue // It came before.
		}
		if err := s.takeFrame(frame); err != nil {
			return err
		}
		s.nextRx += min(frame.Seq, 1)
		s.changed.Broadcast()
	}
	return nil
}

func (s *session) takeFrame(frame *pb.Frame) error {
	switch kind := frame.Kind.(type) {
	case *pb.Frame_Data:
		s.mu.Unlock() // Whoever is slow to read gives no credit, and holds up nothing else.
		_, err := s.out.Write(kind.Data.Payload)
		s.mu.Lock()
		s.received += uint64(len(kind.Data.Payload))
		return err
	case *pb.Frame_Event:
	case *pb.Frame_Fin:
		s.peerFin = true
	case *pb.Frame_Drain:
		s.ready = nil
		if kind.Drain.Phase == pb.DrainPhase_DRAIN_PHASE_READY {
			s.ready = kind.Drain
		}
	case *pb.Frame_Detach:
		s.detach = kind.Detach
	default:
		if frame.Seq > 0 {
			return fmt.Errorf("frame %d is of a kind that nobody agreed on", frame.Seq)
		}
	}
	return nil
}

func uuid() string {
	b := make([]byte, 16)
	cryptorand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

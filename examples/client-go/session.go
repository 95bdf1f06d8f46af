// Package panelet is a small client of Panelet's agents, written from docs/reference/session-protocol.md and session.proto. A session
// is a reader and a writer, over as many attachments as it takes. It gives up where the state of the worker is gone (ROLLED_BACK).
package panelet

import (
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
	"panelet.dev/examples/client-go/pb"
)

const (
	window       = 256 << 10
	messageBytes = 32 << 10
	maxDataBytes = 64 << 10
	ackDelay     = 20 * time.Millisecond
	openingTime  = 30 * time.Second
)

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

// Session may be read by one goroutine and written by another. What is read is the panel's standard output.
type Session struct {
	options              Options
	id, clientID, node   string
	token                []byte
	incarnation          uint64 // 0 before the first Welcome.
	keptFor              time.Duration
	nonces               map[string]bool
	mu                   sync.Mutex
	changed              *sync.Cond
	kept                 []kept // Not acknowledged, in order; the last has the number nextTx-1.
	nextTx, toSend, sent uint64 // sent: data bytes of all frames.
	credit               uint64
	nextRx, received     uint64 // received: data bytes of all frames.
	unread               []byte
	saidCredit           uint64
	ackDue               time.Time // Zero: none is owed.
	pongs                []*pb.Frame
	detach               *pb.Detach
	ready                *pb.Drain
	hasFin, peerFin      bool
	isOver               bool
	err                  error
}

// Open opens a session, and tries to for 30 seconds.
func Open(options Options) (*Session, error) {
	s := &Session{options: options, id: uuid(), clientID: uuid(), nonces: map[string]bool{}, nextTx: 1, toSend: 1, nextRx: 1}
	s.changed = sync.NewCond(&s.mu)
	go s.run()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.incarnation == 0 && !s.isOver {
		s.changed.Wait()
	}
	return s, s.err
}

// Write sends bytes, now or after the next attachment. It waits while more than 256 KiB are not acknowledged.
func (s *Session) Write(payload []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for start := 0; start < len(payload); start += maxDataBytes {
		if s.isOver || s.hasFin {
			return start, io.ErrClosedPipe
		}
		piece := append([]byte(nil), payload[start:min(len(payload), start+maxDataBytes)]...)
		data := &pb.Data{Channel: pb.Channel_CHANNEL_STDIN, Payload: piece}
		s.number(&pb.Frame{Kind: &pb.Frame_Data{Data: data}}, len(piece))
		for !s.isOver && len(s.kept) > 0 && s.sent-s.kept[0].end > window {
			s.changed.Wait()
		}
	}
	return len(payload), nil
}

// CloseWrite ends the data of this direction.
func (s *Session) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasFin && !s.isOver {
		s.hasFin = true
		s.number(&pb.Frame{Kind: &pb.Frame_Fin{Fin: &pb.Fin{}}}, 0)
	}
	return nil
}

// Read takes what has come. It ends with io.EOF when the session has ended as it should.
func (s *Session) Read(into []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.unread) == 0 {
		if s.err != nil {
			return 0, s.err
		} else if s.isOver {
			return 0, io.EOF
		}
		s.changed.Wait()
	}
	n := copy(into, s.unread)
	s.unread = s.unread[n:]
	if s.received-uint64(len(s.unread))+window-s.saidCredit >= window/4 {
		s.acknowledge(0)
	}
	return n, nil
}

// The methods below are called with mu held.

func (s *Session) number(frame *pb.Frame, size int) {
	frame.Seq = s.nextTx
	s.nextTx++
	s.sent += uint64(size)
	s.kept = append(s.kept, kept{frame, s.sent})
	s.changed.Broadcast()
}

func (s *Session) base() uint64 { return s.nextTx - uint64(len(s.kept)) }

// pull takes the frames to send now: about 32 KiB, and no more than the credit allows.
func (s *Session) pull() []*pb.Frame {
	frames, size := s.pongs, 0
	s.pongs = nil
	for s.toSend < s.nextTx {
		next := s.kept[s.toSend-s.base()]
		bytes := len(next.frame.GetData().GetPayload())
		if (bytes > 0 && next.end > s.credit) || (size > 0 && size+bytes > messageBytes) {
			break
		}
		frames, size = append(frames, next.frame), size+bytes
		s.toSend++
	}
	return frames
}

func (s *Session) envelope(frames []*pb.Frame) *pb.Frames {
	s.saidCredit, s.ackDue = s.received-uint64(len(s.unread))+window, time.Time{}
	return &pb.Frames{Ack: s.nextRx - 1, Credit: s.saidCredit, Frames: frames}
}

func (s *Session) acknowledge(after time.Duration) {
	if due := time.Now().Add(after); s.ackDue.IsZero() || due.Before(s.ackDue) {
		s.ackDue = due
		time.AfterFunc(after, s.changed.Broadcast)
	}
}

func (s *Session) take(message *pb.Frames) error {
	if message.Ack >= s.toSend {
		return fmt.Errorf("ack %d is beyond what was sent, %d", message.Ack, s.toSend-1)
	}
	for len(s.kept) > 0 && s.base() <= message.Ack {
		s.kept = s.kept[1:]
	}
	s.credit = max(s.credit, message.Credit)
	for _, frame := range message.Frames {
		if err := s.takeFrame(frame); err != nil {
			return err
		}
	}
	s.changed.Broadcast()
	return nil
}

func (s *Session) takeFrame(frame *pb.Frame) error {
	if frame.Seq > s.nextRx {
		return fmt.Errorf("frame %d came where %d was expected", frame.Seq, s.nextRx)
	}
	if frame.Seq > 0 {
		s.acknowledge(ackDelay)
		if frame.Seq < s.nextRx {
			return nil // It came before.
		}
		s.nextRx++
	}
	switch kind := frame.Kind.(type) {
	case *pb.Frame_Data:
		s.received += uint64(len(kind.Data.Payload))
		s.unread = append(s.unread, kind.Data.Payload...)
	case *pb.Frame_Event:
	case *pb.Frame_Fin:
		s.peerFin = true
		s.acknowledge(0)
	case *pb.Frame_Drain:
		s.ready = nil
		if kind.Drain.Phase == pb.DrainPhase_DRAIN_PHASE_READY {
			s.ready = kind.Drain
		} else if kind.Drain.Phase == pb.DrainPhase_DRAIN_PHASE_FREEZE {
			s.acknowledge(0)
		}
	case *pb.Frame_Detach:
		s.detach = kind.Detach
	case *pb.Frame_Ping:
		s.pongs = append(s.pongs, &pb.Frame{Kind: &pb.Frame_Pong{Pong: &pb.Pong{Nonce: kind.Ping.Nonce}}})
	default:
		if frame.Seq > 0 {
			return fmt.Errorf("frame %d is of a kind that nobody agreed on", frame.Seq)
		}
	}
	return nil
}

func uuid() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

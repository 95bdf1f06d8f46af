package panelet

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"panelet.dev/examples/client-go/pb"
)

// sayReady is a worker that welcomes whoever comes, and has them come again at once.
func sayReady(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(&pb.Frames{}); err != nil {
		return err
	}
	welcome := &pb.Welcome{Version: 1, NextRx: 1, ResumeToken: []byte("token"), Incarnation: 1}
	drain := &pb.Drain{Phase: pb.DrainPhase_DRAIN_PHASE_READY}
	return stream.SendMsg(&pb.Frames{Frames: []*pb.Frame{{Kind: &pb.Frame_Welcome{Welcome: welcome}}, {Kind: &pb.Frame_Drain{Drain: drain}}}})
}

// onlyOne takes one connection; then nobody listens any more.
type onlyOne struct{ net.Listener }

func (l onlyOne) Accept() (net.Conn, error) {
	defer l.Close()
	return l.Listener.Accept()
}

func TestWaitsEverLongerWhereNobodyListensAfterReady(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go grpc.NewServer(grpc.UnknownServiceHandler(sayReady)).Serve(onlyOne{listener})
	ceilings := make(chan time.Duration, 1000)
	pause := &pause{random: func(ceiling time.Duration) time.Duration {
		ceilings <- ceiling
		return time.Millisecond
	}}
	in, _ := io.Pipe()
	go run(Options{Addresses: []string{listener.Addr().String()}, Panel: "echo"}, pause, in, io.Discard)
	got := []time.Duration{}
	for len(got) < 9 {
		select {
		case ceiling := <-ceilings:
			got = append(got, ceiling/time.Millisecond)
		case <-time.After(20 * time.Second):
			t.Fatalf("tries again without a pause, after %d", got)
		}
	}
	if want := []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000}; !slices.Equal(got, want) {
		t.Fatalf("waits at most %d ms, not %d", got, want)
	}
}

// The floor: an ext_proc processor on grpc-go that reads no message and changes nothing.
//
// Messages stay bytes (no protobuf on either side); each is answered with the empty reply of its kind, serialised once.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"

	"google.golang.org/grpc"
)

const (
	kindFirst = 2 // ProcessingRequest.request_headers
	kindLast  = 7 // ProcessingRequest.response_trailers; the reply of kind n is field n-1 of ProcessingResponse
	wireBytes = 2
)

var replies [kindLast + 1][]byte

// raw is a codec whose messages are *[]byte.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func main() {
	socket := flag.String("socket", "", "path of the Unix socket to listen on")
	flag.Parse()
	for kind := kindFirst; kind <= kindLast; kind++ {
		replies[kind] = []byte{byte((kind-1)<<3 | wireBytes), 0}
	}
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.MaxRecvMsgSize(64<<20))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.ext_proc.v3.ExternalProcessor",
		HandlerType: (*any)(nil),
		Streams:     []grpc.StreamDesc{{StreamName: "Process", Handler: process, ServerStreams: true, ClientStreams: true}},
	}, struct{}{})
	log.Fatal(server.Serve(listener))
}

func process(_ any, stream grpc.ServerStream) error {
	var message []byte
	for {
		if err := stream.RecvMsg(&message); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		kind, err := kindOf(message)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&replies[kind]); err != nil {
			return err
		}
	}
}

// kindOf is the number of the field of the oneof `request`; it walks past fields that may stand before it.
func kindOf(message []byte) (int, error) {
	for at := 0; at < len(message); {
		tag, size := varint(message[at:])
		if size == 0 {
			break
		}
		at += size
		if kind := int(tag >> 3); kind >= kindFirst && kind <= kindLast && tag&7 == wireBytes {
			return kind, nil
		}
		value, size := varint(message[at:])
		if size == 0 {
			break
		}
		at += size
		if tag&7 == wireBytes {
			at += int(value)
		}
	}
	return 0, fmt.Errorf("a message of %d bytes without a kind", len(message))
}

// varint reads one number; size 0: there is none.
func varint(data []byte) (value uint64, size int) {
	for size < len(data) && size < 10 {
		value |= uint64(data[size]&0x7f) << (7 * size)
		size++
		if data[size-1] < 0x80 {
			return value, size
		}
	}
	return 0, 0
}

// A model server that costs next to nothing: chat completions of any size, and streams of any length and pace.
//
// What to answer stands in fields of the request that every gateway passes on: `max_tokens` is the number of events of a
// stream, or of bytes of a JSON answer; `seed` is the pause before each event [us], 0 for a burst.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type request struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	MaxTokens     int    `json:"max_tokens"`
	PauseUs       int    `json:"seed"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

const (
	head  = `{"id":"chatcmpl-0123456789abcdef","object":"%s","created":1700000000,"model":"%s","choices":[`
	usage = `"usage":{"prompt_tokens":200,"completion_tokens":100,"total_tokens":300}`
)

var words = strings.Fields("The river that crosses the old town is slow in summer and wide in spring , and boats carry bread .")

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "HOST:PORT")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(answer)))
}

func answer(writer http.ResponseWriter, received *http.Request) {
	var asked request
	if err := json.NewDecoder(received.Body).Decode(&asked); err != nil {
		http.Error(writer, `{"error":{"message":"not JSON"}}`, http.StatusBadRequest)
		return
	}
	if asked.Stream {
		stream(writer, asked)
	} else {
		whole(writer, asked)
	}
}

func whole(writer http.ResponseWriter, asked request) {
	start := fmt.Sprintf(head, "chat.completion", asked.Model) + `{"index":0,"message":{"role":"assistant","content":"`
	end := `"},"logprobs":null,"finish_reason":"stop"}],` + usage + `}`
	var text strings.Builder
	text.WriteString(start)
	for number := 0; text.Len()+len(end) < asked.MaxTokens; number++ {
		text.WriteString(words[number%len(words)] + " ")
	}
	text.WriteString(end)
	writer.Header().Set("content-type", "application/json")
	writer.Header().Set("content-length", strconv.Itoa(text.Len()))
	_, _ = writer.Write([]byte(text.String()))
}

func stream(writer http.ResponseWriter, asked request) {
	writer.Header().Set("content-type", "text/event-stream; charset=utf-8")
	start := "data: " + fmt.Sprintf(head, "chat.completion.chunk", asked.Model)
	send := func(rest string) {
		time.Sleep(time.Duration(asked.PauseUs) * time.Microsecond)
		_, _ = writer.Write([]byte(rest))
		writer.(http.Flusher).Flush()
	}
	for number := 0; number < asked.MaxTokens-1; number++ {
		word := words[number%len(words)]
		send(start + `{"index":0,"delta":{"content":"` + word + ` "},"logprobs":null,"finish_reason":null}]}` + "\n\n")
	}
	last := start + `{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}` + "\n\n"
	if asked.StreamOptions.IncludeUsage {
		last += start + `],` + usage + "}\n\n"
	}
	send(last + "data: [DONE]\n\n")
}

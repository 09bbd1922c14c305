// A model server that costs next to nothing: chat completions of any size, and streams of any length and pace.
//
// What to answer stands in fields of the request that every gateway passes on: `max_tokens` is the number of events of a
// stream, or of bytes of a JSON answer; `seed` is the pause before each event [us], 0 for a burst. After `hold_after`
// events a stream is silent until its client leaves. With a `gate` it waits after its first event until somebody asks for
// /gates/NUMBER. With `stamped` the text of each event is when it was written.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

type request struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	MaxTokens     int    `json:"max_tokens"`
	PauseUs       int    `json:"seed"`
	HoldAfter     int    `json:"hold_after"`
	Gate          int    `json:"gate"`
	Stamped       bool   `json:"stamped"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

const (
	gatesPath  = "/gates/"
	stampPlace = "STAMP"

	head  = `{"id":"chatcmpl-0123456789abcdef","object":"%s","created":%d,"model":"%s","choices":[`
	usage = `"usage":{"prompt_tokens":200,"completion_tokens":100,"total_tokens":300}`
)

var words = strings.Fields("The river that crosses the old town is slow in summer and wide in spring , and boats carry bread .")

var gates = struct {
	sync.Mutex
	byNumber map[int]chan struct{}
}{byNumber: map[int]chan struct{}{}}

// gate is closed once it has been opened.
func gate(number int) chan struct{} {
	gates.Lock()
	defer gates.Unlock()
	if gates.byNumber[number] == nil {
		gates.byNumber[number] = make(chan struct{})
	}
	return gates.byNumber[number]
}

// What a stream that is held says first; a guard must not let the address through.
var private = strings.Fields("Write to bob@example.com or go by boat and wait there .")

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "HOST:PORT")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := http.NewServeMux()
	server.HandleFunc("/", answer)
	server.HandleFunc(gatesPath, func(_ http.ResponseWriter, received *http.Request) {
		if number, err := strconv.Atoi(strings.TrimPrefix(received.URL.Path, gatesPath)); err == nil {
			close(gate(number))
		}
	})
	log.Fatal(http.Serve(listener, server))
}

func answer(writer http.ResponseWriter, received *http.Request) {
	var asked request
	if err := json.NewDecoder(received.Body).Decode(&asked); err != nil {
		http.Error(writer, `{"error":{"message":"not JSON"}}`, http.StatusBadRequest)
		return
	}
	if asked.Stream {
		stream(writer, received, asked)
	} else {
		whole(writer, asked)
	}
}

// stamp is the time as a word, so that it travels as text does: "at", and a letter for each digit of the microseconds.
func stamp() string {
	digits := []byte(strconv.FormatInt(time.Now().UnixMicro(), 10))
	for place := range digits {
		digits[place] += 'a' - '0'
	}
	return "at" + string(digits)
}

func whole(writer http.ResponseWriter, asked request) {
	start := fmt.Sprintf(head, "chat.completion", time.Now().Unix(), asked.Model) +
		`{"index":0,"message":{"role":"assistant","content":"`
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

func stream(writer http.ResponseWriter, received *http.Request, asked request) {
	writer.Header().Set("content-type", "text/event-stream; charset=utf-8")
	pause, spoken := time.Duration(asked.PauseUs)*time.Microsecond, words
	if asked.HoldAfter > 0 {
		spoken = private
	}
	due := time.Now()
	start := "data: " + fmt.Sprintf(head, "chat.completion.chunk", due.Unix(), asked.Model) // the same in all, as of vLLM
	send := func(events ...string) bool {
		// Events are due at fixed times, so that their rate is the one asked for; when one is late by half a pause, the next
		// come later too, so that each travels alone.
		if due = due.Add(pause); time.Since(due) > pause/2 {
			due = time.Now()
		}
		time.Sleep(time.Until(due))
		text := start + strings.Join(events, "\n\n"+start) + "\n\n"
		if asked.Stamped {
			text = strings.Replace(text, stampPlace, stamp(), 1)
		}
		_, err := writer.Write([]byte(text))
		writer.(http.Flusher).Flush()
		return err == nil
	}
	for number := 0; number < asked.MaxTokens-1; number++ {
		word := spoken[number%len(spoken)]
		if asked.Stamped {
			word = stampPlace
		}
		if !send(`{"index":0,"delta":{"content":"` + word + ` "},"logprobs":null,"finish_reason":null}]}`) {
			return
		}
		if number+1 == asked.HoldAfter {
			<-received.Context().Done()
			return
		}
		if number == 0 && asked.Gate > 0 {
			select {
			case <-gate(asked.Gate):
				due = time.Now().Add(rand.N(pause)) // not all of them in step
			case <-received.Context().Done():
				return
			}
		}
	}
	last := []string{`{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}`}
	if asked.StreamOptions.IncludeUsage {
		last = append(last, `],`+usage+`}`)
	}
	last[len(last)-1] += "\n\ndata: [DONE]"
	send(last...)
}

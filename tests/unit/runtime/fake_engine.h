// SPDX-License-Identifier: Apache-2.0
// FakeEngine: an HTTP server on a unix socket that answers as a test tells it to, one thread for each connection.
#ifndef BULKHEAD_TESTS_UNIT_RUNTIME_FAKE_ENGINE_H_
#define BULKHEAD_TESTS_UNIT_RUNTIME_FAKE_ENGINE_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bulkhead {

class FakeEngine {
 public:
  FakeEngine();
  ~FakeEngine();

  const std::string& socket() const { return socket_; }
  void Listen();
  void Close();  // and break off every connection

  // The raw answer to GETs of paths that begin so; the longest such beginning counts. The path has no version ("/networks").
  void Set(const std::string& path, const std::string& raw);
  void SetJson(const std::string& path, const std::string& body) { Set(path, Ok(body)); }
  void Hang(const std::string& path) { Set(path, ""); }  // takes the request and never answers
  static std::string Ok(const std::string& body, const std::string& headers = "");
  static std::string Error(int status, const std::string& message);

  void Send(const std::string& text);  // to every events stream that is open, as one chunk
  void EndStreams();                   // as the engine ends them when it stops

  std::vector<std::string> requests() const;  // paths with their version, in order
  int Count(const std::string& part) const;   // of requests whose path contains it

 private:
  void Accept();
  void Serve(int fd);
  bool ServeStream(int fd);
  std::string AnswerTo(const std::string& path) const;

  std::string directory_;
  std::string socket_;
  int listener_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> answers_;
  std::vector<std::string> requests_;
  std::string streamed_;  // all that was sent to streams
  int stream_ends_ = 0;
  bool closing_ = false;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_RUNTIME_FAKE_ENGINE_H_

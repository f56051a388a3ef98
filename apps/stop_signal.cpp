#include "apps/stop_signal.hpp"

#include <csignal>

namespace tilewise::app {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

volatile std::sig_atomic_t received_signal = 0;

void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

extern "C" void note_signal(int signal) { received_signal = signal; }

}  // namespace

StopSignal::StopSignal() {
  received_signal = 0;
  // SA_RESETHAND: the second signal meets the default action. SA_RESTART: no write is cut short.
  for (const int signal : kSignals) {
    install(signal, note_signal, static_cast<int>(SA_RESETHAND) | SA_RESTART);
  }
}

StopSignal::~StopSignal() {
  for (const int signal : kSignals) install(signal, SIG_DFL, 0);
}

int StopSignal::received() const { return received_signal; }

}  // namespace tilewise::app

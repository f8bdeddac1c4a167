// Runs the blocks of a launch on the threads of the processor, and the CUDA threads of a block as fibers that take turns.
//
// A fiber runs one CUDA thread after the other until one has to wait; only then is another fiber begun. So a kernel without
// barriers never switches. A thread that waits for another in a loop of its own, without a barrier, never gives up its turn: such
// a kernel hangs here, as it may on a GPU. This file is compiled without sanitizers: it tells them about fibers and barriers itself.
#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fibers.h"
#include "order.h"
#include "runtime.h"

extern "C" struct ProofgradLaunch {
    const char* kernel;
    void (*body)(void* const*);
    void* const* arguments;
    unsigned int grid[3], block[3];
    uint64_t shared, order;  // order 0: ascending, 1: descending, else the seed of a shuffle
    unsigned int workers;
    char* message;
    size_t message_size;
};

namespace proofgrad {

thread_local Here here;

namespace {

using Launch = ProofgradLaunch;

constexpr int POISON = 0xff;  // an uninitialised float is NaN, an integer -1
constexpr size_t MOST_SHARED = 256 << 10;

enum State : unsigned char { IDLE, AT_BARRIER, IN_EXCHANGE, READY };  // IDLE: not begun or done

// A CUDA thread that waits, or waited.
struct Waiting {
    Fiber* fiber;
    Exchange exchange;
    uint64_t result;
};

using Memory = std::unique_ptr<void, decltype(&free)>;

struct Shared {
    const void* key;
    size_t size;
    void* memory;
};

// What the workers of a launch share.
struct Progress {
    std::atomic<uint64_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::vector<uint64_t> order;
    char ended = 0;  // a sync object of ThreadSanitizer
};

std::string named(const uint3& at)
{
    return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
}

std::string named(const Place& place)
{
    const std::string file = place.file;
    return "line " + std::to_string(place.line) + " of " + file.substr(file.find_last_of('/') + 1);
}

bool are_same(const Place& x, const Place& y) { return x.line == y.line && strcmp(x.file, y.file) == 0; }

class Worker {
public:
    Worker(const Launch& launch, Progress& progress)
        : launch_(launch), progress_(progress), size_(launch.block[0] * launch.block[1] * launch.block[2]),
          turns_(size_), states_(size_), waiting_(size_)
    {
        arrange(turns_, launch.order > 1 ? 0 : launch.order, 0);
    }

    void run();
    void barrier(Place place);
    uint64_t exchange(const Exchange& asked);
    void* shared(const void* key, size_t size);
    bool next_thread();
    unsigned int lane() const { return current_ % 32; }
    [[noreturn]] void fail(const std::string& what);

private:
    void run_block(uint64_t number);
    void begin_threads();
    void resume_ready();
    void renew_shared();
    void enter(unsigned int thread);
    void wait(State state);
    void check(const Exchange& asked);
    void complete(const Exchange& asked, unsigned int first);
    void diagnose();
    std::string whereabouts(unsigned int thread) const;
    std::string name(unsigned int thread) const { return "thread " + named(index(thread)); }
    uint3 index(unsigned int thread) const;
    void record(const std::string& what);
    Fiber* free_fiber();
    static void fiber_main();

    const Launch& launch_;
    Progress& progress_;
    const unsigned int size_;
    std::vector<unsigned int> turns_;
    std::vector<State> states_;
    std::vector<Waiting> waiting_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::vector<Fiber*> idle_;
    std::vector<Shared> shared_;
    std::vector<Memory> memories_;  // what the shared variables stand in
    size_t used_ = 0;
    Fiber scheduler_;
    Fiber* running_ = nullptr;
    unsigned int next_ = 0, current_ = 0, at_barrier_ = 0;
    unsigned int rounds_ = 0;
    char begun_ = 0, syncs_[2], warp_syncs_[32][2];  // by parity of the round: a slow thread must not learn from the next round
    unsigned int warp_rounds_[32];
    bool failed_ = false;
};

thread_local Worker* worker;

void Worker::run()
{
    std::fenv_t before;
    std::fegetenv(&before);
    std::fesetenv(FE_DFL_ENV);  // a caller may flush subnormals to zero; a kernel does not
    Worker* const outer = worker;
    worker = this;
    const uint64_t blocks = uint64_t(launch_.grid[0]) * launch_.grid[1] * launch_.grid[2];
    for (uint64_t i; !failed_ && !progress_.failed && (i = progress_.next++) < blocks;)
        run_block(progress_.order.empty() ? i : progress_.order[i]);
    worker = outer;
    std::fesetenv(&before);
}

void Worker::run_block(uint64_t number)
{
    here.threads = {launch_.block[0], launch_.block[1], launch_.block[2]};
    here.blocks = {launch_.grid[0], launch_.grid[1], launch_.grid[2]};
    const uint64_t row = number / launch_.grid[0];
    here.block = {unsigned(number % launch_.grid[0]), unsigned(row % launch_.grid[1]), unsigned(row / launch_.grid[1])};
    if (launch_.order > 1) arrange(turns_, launch_.order, number);
    renew_shared();
    next_ = at_barrier_ = 0;
    std::fill(std::begin(warp_rounds_), std::end(warp_rounds_), 0u);

    begin_threads();
    while (!failed_ && std::find(states_.begin(), states_.end(), READY) != states_.end()) resume_ready();
    if (!failed_ && std::any_of(states_.begin(), states_.end(), [](State state) { return state != IDLE; })) diagnose();
}

void Worker::begin_threads()
{
    while (!failed_ && next_ < size_) {
        Fiber* const fiber = free_fiber();
        race_release(&begun_);
        enter(turns_[next_++]);
        running_ = fiber;
        begin(scheduler_, *fiber, &Worker::fiber_main);
    }
}

void Worker::resume_ready()
{
    for (unsigned int thread : turns_) {
        if (failed_) return;
        if (states_[thread] != READY) continue;
        states_[thread] = IDLE;
        enter(thread);
        running_ = waiting_[thread].fiber;
        switch_to(scheduler_, *running_);
    }
}

void Worker::fiber_main()
{
    Worker& self = *worker;
    entered(self.scheduler_);
    race_acquire(&self.begun_);
    self.launch_.body(self.launch_.arguments);
    race_release(&self.progress_.ended);
    if (!SEES_RACES) self.idle_.push_back(self.running_);  // two threads without order may not have one stack
    leave(*self.running_, self.scheduler_);
}

void Worker::enter(unsigned int thread)
{
    current_ = thread;
    here.thread = index(thread);
}

bool Worker::next_thread()
{
    if (SEES_RACES || next_ == size_) return false;
    enter(turns_[next_++]);
    return true;
}

uint3 Worker::index(unsigned int thread) const
{
    if (size_ == launch_.block[0]) return {thread, 0, 0};
    const unsigned int row = thread / launch_.block[0];
    return {thread % launch_.block[0], row % launch_.block[1], row / launch_.block[1]};
}

Fiber* Worker::free_fiber()
{
    if (idle_.empty()) {
        fibers_.push_back(std::make_unique<Fiber>());
        fibers_.back()->make_stack();
        idle_.push_back(fibers_.back().get());
    }
    Fiber* fiber = idle_.back();
    idle_.pop_back();
    return fiber;
}

// Give up the turn until another thread, or the last to arrive, makes this one ready.
void Worker::wait(State state)
{
    states_[current_] = state;
    waiting_[current_].fiber = running_;
    switch_to(*running_, scheduler_);
}

void Worker::barrier(Place place)
{
    const unsigned int self = current_;
    char* const sync = &syncs_[rounds_ % 2];
    race_release(sync);
    waiting_[self].exchange = {"__syncthreads", place, 0, 0, 0, false};
    const auto same = [&](const Waiting& other) { return are_same(other.exchange.place, place); };
    if (++at_barrier_ == size_ && std::all_of(waiting_.begin(), waiting_.end(), same)) {
        at_barrier_ = 0;
        ++rounds_;
        std::fill(states_.begin(), states_.end(), READY);
        states_[self] = IDLE;
    } else {
        wait(AT_BARRIER);
    }
    race_acquire(sync);
}

// A mask names the caller, the lane whose value is asked for, and no lane that is not there.
void Worker::check(const Exchange& asked)
{
    const unsigned int lanes = std::min(size_ - current_ / 32 * 32, 32u);
    const auto names = [&](unsigned int i) { return i < 32 && (asked.mask >> i & 1); };
    const auto refuse = [&](const std::string& what) { fail(what + " " + asked.name + " in " + named(asked.place)); };
    if (!names(lane())) refuse(name(current_) + " is not in the mask that it gives to");
    if (!asked.ballot && !names(unsigned(asked.source)))
        refuse(name(current_) + " asks for lane " + std::to_string(asked.source) + ", which is not in the mask that it gives to");
    if (lanes < 32 && asked.mask >> lanes)
        refuse(name(current_) + " names lanes that its warp of " + std::to_string(lanes) + " threads does not have in the mask of");
}

uint64_t Worker::exchange(const Exchange& asked)
{
    const unsigned int self = current_, warp = self / 32, first = 32 * warp;
    check(asked);
    char* const sync = &warp_syncs_[warp][warp_rounds_[warp] % 2];
    race_release(sync);
    waiting_[self].exchange = asked;
    states_[self] = IN_EXCHANGE;
    bool all = true;
    for (unsigned int i = 0; i < 32; ++i) {
        if (!(asked.mask >> i & 1)) continue;
        const Exchange& other = waiting_[first + i].exchange;
        all &= states_[first + i] == IN_EXCHANGE && other.mask == asked.mask && are_same(other.place, asked.place);
    }
    if (all) complete(asked, first);
    else wait(IN_EXCHANGE);
    states_[self] = IDLE;
    race_acquire(sync);
    return waiting_[self].result;
}

void Worker::complete(const Exchange& asked, unsigned int first)
{
    uint64_t votes = 0;
    for (unsigned int i = 0; i < 32; ++i)
        if (asked.mask >> i & 1) votes |= (waiting_[first + i].exchange.value & 1) << i;
    for (unsigned int i = 0; i < 32; ++i) {
        if (!(asked.mask >> i & 1)) continue;
        Waiting& lane = waiting_[first + i];
        lane.result = asked.ballot ? votes : waiting_[first + lane.exchange.source].exchange.value;
        states_[first + i] = READY;
    }
    ++warp_rounds_[first / 32];
}

void* Worker::shared(const void* key, size_t size)
{
    if (!key) size = launch_.shared;
    for (const Shared& each : shared_)
        if (each.key == key) return each.memory;
    if (SEES_RACES) {
        if (used_ + size > MOST_SHARED) fail(name(current_) + " uses more than 256 KiB of shared memory");
        shared_.push_back(Shared{key, size, static_cast<char*>(memories_.back().get()) + used_});
        used_ += (size + 15) / 16 * 16;
    } else {
        memories_.emplace_back(malloc(size), &free);
        shared_.push_back(Shared{key, size, memories_.back().get()});
        memset(shared_.back().memory, POISON, size);
    }
    return shared_.back().memory;
}

// Every block begins with poison. ThreadSanitizer gets new memory, for blocks have no order between them.
void Worker::renew_shared()
{
    if (SEES_RACES) {
        shared_.clear();
        used_ = 0;
        memories_.emplace_back(malloc(MOST_SHARED), &free);
        memset(memories_.back().get(), POISON, MOST_SHARED);
    }
    for (const Shared& each : shared_) memset(each.memory, POISON, each.size);
}

// Nobody can go on: say who waits, where, and for whom.
void Worker::diagnose()
{
    const auto waits = [this](unsigned int thread) { return states_[thread] != IDLE; };
    unsigned int thread = 0;
    while (!waits(thread)) ++thread;
    const Exchange& own = waiting_[thread].exchange;
    const auto met = [&](unsigned int other) {
        const Exchange& theirs = waiting_[other].exchange;
        return states_[other] == states_[thread] && are_same(theirs.place, own.place) && theirs.mask == own.mask;
    };
    const unsigned int first = states_[thread] == AT_BARRIER ? 0 : thread / 32 * 32;
    const unsigned int last = states_[thread] == AT_BARRIER ? size_ : std::min(first + 32, size_);
    for (unsigned int other = first; other < last; ++other) {
        const bool wanted = states_[thread] == AT_BARRIER || (own.mask >> (other % 32) & 1);
        if (!wanted || met(other)) continue;
        return record(name(thread) + " " + whereabouts(thread) + ", but " + name(other) + " " + whereabouts(other));
    }
}

std::string Worker::whereabouts(unsigned int thread) const
{
    if (states_[thread] == IDLE) return "has left the kernel";
    const Exchange& at = waiting_[thread].exchange;
    char mask[32] = "";
    if (states_[thread] == IN_EXCHANGE) snprintf(mask, sizeof mask, " with mask 0x%08x", at.mask);
    return std::string("waits at ") + at.name + mask + " in " + named(at.place);
}

void Worker::record(const std::string& what)
{
    failed_ = true;
    const std::lock_guard<std::mutex> lock(progress_.mutex);
    if (progress_.failed.exchange(true)) return;
    const std::string message = std::string("kernel ") + launch_.kernel + ", block " + named(here.block) + ": " + what;
    snprintf(launch_.message, launch_.message_size, "%s", message.c_str());
}

// Report, and never come back: the fiber is given up.
void Worker::fail(const std::string& what)
{
    record(what);
    leave(*running_, scheduler_);
}

}  // namespace

void barrier(Place place) { worker->barrier(place); }
uint64_t exchange(const Exchange& asked) { return worker->exchange(asked); }
void* shared_memory(const void* key, size_t size) { return worker->shared(key, size); }
bool next_thread() { return worker->next_thread(); }
unsigned int lane() { return worker->lane(); }

}  // namespace proofgrad

// Run a launch; 1 if it failed, with the reason in the message.
extern "C" __attribute__((visibility("default"))) int proofgrad_launch(const ProofgradLaunch* launch)
{
    using namespace proofgrad;
    Progress progress;
    const uint64_t blocks = uint64_t(launch->grid[0]) * launch->grid[1] * launch->grid[2];
    if (launch->order) {
        progress.order.resize(blocks);
        arrange(progress.order, launch->order, ~uint64_t(0));
    }
    const auto work = [&] { Worker(*launch, progress).run(); };
    std::vector<std::thread> others;
    for (uint64_t i = 1; i < std::min<uint64_t>(launch->workers, blocks); ++i) others.emplace_back(work);
    work();
    for (std::thread& other : others) other.join();
    race_acquire(&progress.ended);
    return progress.failed;
}

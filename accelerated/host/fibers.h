// Fibers: stacks of their own that take turns on one thread of the processor, and what sanitizers are told of it.
//
// The switch is a few instructions on x86-64 and aarch64, and ucontext elsewhere.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if defined(PROOFGRAD_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
#define PROOFGRAD_SWITCH_IS_UCONTEXT 1
#include <ucontext.h>
#endif

#ifdef PROOFGRAD_SANITIZE_THREAD
extern "C" {
void* __tsan_create_fiber(unsigned);
void __tsan_destroy_fiber(void*);
void* __tsan_get_current_fiber();
void __tsan_switch_to_fiber(void*, unsigned);
void __tsan_acquire(void*);
void __tsan_release(void*);
}
#endif
#ifdef PROOFGRAD_SANITIZE_ADDRESS
extern "C" {
void __sanitizer_start_switch_fiber(void**, const void*, size_t);
void __sanitizer_finish_switch_fiber(void*, const void**, size_t*);
void __asan_unpoison_memory_region(const volatile void*, size_t);
}
#endif

namespace proofgrad {

// ThreadSanitizer sees every CUDA thread as a thread, and no order between them but what is released and acquired here.
#ifdef PROOFGRAD_SANITIZE_THREAD
constexpr bool SEES_RACES = true;
constexpr unsigned WITHOUT_ORDER = 1;
inline void race_acquire(void* sync) { __tsan_acquire(sync); }
inline void race_release(void* sync) { __tsan_release(sync); }
#else
constexpr bool SEES_RACES = false;
inline void race_acquire(void*) {}
inline void race_release(void*) {}
#endif

constexpr size_t STACK = 256 << 10;  // bytes of address space; pages that are never touched cost nothing

// Stacks that no fiber has, for the next launch from this thread: to map 256 of them takes longer than most launches. Sanitizers
// watch every access, so under them a stack is never another fiber's.
struct Stacks {
#if defined(PROOFGRAD_SANITIZE_THREAD) || defined(PROOFGRAD_SANITIZE_ADDRESS)
    static constexpr size_t MOST = 0;
#else
    static constexpr size_t MOST = 1024;
#endif
    char* kept[MOST + 1];
    size_t count = 0, size = 0;  // of each
    bool keep(char* stack)
    {
        if (count == MOST) return false;
        kept[count++] = stack;
        return true;
    }
    char* take() { return count ? kept[--count] : nullptr; }
    ~Stacks()
    {
        while (count) munmap(kept[--count], size);
    }
};
inline thread_local Stacks stacks;

struct Fiber {
    char* stack = nullptr;
    size_t size = 0;
    void* top = nullptr;     // where the stack stood when the fiber gave up its turn
    void* race = nullptr;    // ThreadSanitizer's fiber
    void* frames = nullptr;  // AddressSanitizer's second stack, and where it believes the first to be
    const void* bottom = nullptr;
    size_t extent = 0;
#ifdef PROOFGRAD_SWITCH_IS_UCONTEXT
    ucontext_t context;
#endif
    Fiber() = default;
    Fiber(const Fiber&) = delete;
    ~Fiber();
    void make_stack();
};

#ifndef PROOFGRAD_SWITCH_IS_UCONTEXT
// Push the registers that a call preserves, leave the stack's top in *save, go to another stack, pop its registers.
extern "C" void proofgrad_switch(void** save, void* to) __attribute__((visibility("hidden")));
#ifdef __APPLE__
#define PROOFGRAD_SWITCH "_proofgrad_switch"
#else
#define PROOFGRAD_SWITCH "proofgrad_switch"
#endif
#ifdef __x86_64__
asm(".text\n.globl " PROOFGRAD_SWITCH "\n" PROOFGRAD_SWITCH ":\n"
    R"(
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
constexpr size_t SAVED = 6, ENTRY = 6, WORDS = 8;  // registers, the place of the return address, words in all
#else
asm(".text\n.globl " PROOFGRAD_SWITCH "\n" PROOFGRAD_SWITCH ":\n"
    R"(
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
)");
constexpr size_t SAVED = 20, ENTRY = 11, WORDS = 20;
#endif
#endif

inline Fiber::~Fiber()
{
    if (stack && !stacks.keep(stack)) munmap(stack, size);
#ifdef PROOFGRAD_SANITIZE_THREAD
    if (stack && race) __tsan_destroy_fiber(race);
#endif
}

// A stack whose lowest page may not be touched: a kernel that needs more stops the process, and harms no other memory.
inline void Fiber::make_stack()
{
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    stacks.size = size = STACK + page;
    stack = stacks.take();
    if (!stack) {
        void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
            fprintf(stderr, "proofgrad: no memory for the stack of a CUDA thread\n");
            abort();
        }
        stack = static_cast<char*>(memory);
    }
    bottom = stack;
    extent = size;
}

// Go from one fiber to another. `leaves`: the first will not come back.
inline void change(Fiber& from, Fiber& to, bool leaves)
{
#ifdef PROOFGRAD_SANITIZE_THREAD
    if (!from.race) from.race = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.race, WITHOUT_ORDER);
#endif
#ifdef PROOFGRAD_SANITIZE_ADDRESS
    __sanitizer_start_switch_fiber(leaves ? nullptr : &from.frames, to.bottom, to.extent);
#endif
    (void)leaves;
#ifdef PROOFGRAD_SWITCH_IS_UCONTEXT
    swapcontext(&from.context, &to.context);
#else
    proofgrad_switch(&from.top, to.top);
#endif
#ifdef PROOFGRAD_SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(from.frames, nullptr, nullptr);
#endif
}

inline void switch_to(Fiber& from, Fiber& to) { change(from, to, false); }

[[noreturn]] inline void leave(Fiber& from, Fiber& to)
{
    change(from, to, true);
    abort();
}

// The first thing that a fiber does. The stack from which it was begun is told to AddressSanitizer by `from`.
inline void entered(Fiber& from)
{
#ifdef PROOFGRAD_SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(nullptr, &from.bottom, &from.extent);
#endif
    (void)from;
}

// Run a function on the stack of a fiber, which it has, from its beginning.
inline void begin(Fiber& from, Fiber& fiber, void (*function)())
{
#ifdef PROOFGRAD_SANITIZE_ADDRESS
    __asan_unpoison_memory_region(fiber.stack + (fiber.size - STACK), STACK);
#endif
#ifdef PROOFGRAD_SANITIZE_THREAD
    if (fiber.race) __tsan_destroy_fiber(fiber.race);
    fiber.race = __tsan_create_fiber(0);
#endif
#ifdef PROOFGRAD_SWITCH_IS_UCONTEXT
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = fiber.size;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, function, 0);
#else
    void** const words = reinterpret_cast<void**>(fiber.stack + fiber.size) - WORDS;
    for (size_t i = 0; i < SAVED; ++i) words[i] = nullptr;
    words[ENTRY] = reinterpret_cast<void*>(function);
    words[WORDS - 1] = nullptr;
    fiber.top = words;
#endif
    switch_to(from, fiber);
}

}  // namespace proofgrad

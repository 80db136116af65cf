// Boost.Interprocess's best-fit tree with its mutex for processes, in anonymous shared memory, as C functions.

#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/version.hpp>

namespace {
using namespace boost::interprocess;
using Memory = basic_managed_external_buffer<char, rbtree_best_fit<mutex_family>, iset_index>;

struct Arena {
    mapped_region region;
    Memory memory;

    explicit Arena(std::size_t bytes)
        : region(anonymous_shared_memory(bytes)), memory(create_only, region.get_address(), region.get_size()) {}
};
}

extern "C" {
const char *boost_version() { return BOOST_LIB_VERSION; }

/// Null if the memory cannot be had.
Arena *boost_arena_new(std::size_t bytes) {
    try {
        return new Arena(bytes);
    } catch (...) {
        return nullptr;
    }
}

void boost_arena_drop(Arena *arena) { delete arena; }

void *boost_arena_allocate(Arena *arena, std::size_t bytes, std::size_t alignment) {
    // What it returns without being asked has an alignment of 16.
    return alignment <= 16 ? arena->memory.allocate(bytes, std::nothrow)
                           : arena->memory.allocate_aligned(bytes, alignment, std::nothrow);
}

void boost_arena_free(Arena *arena, void *memory) { arena->memory.deallocate(memory); }
}

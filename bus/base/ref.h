// SPDX-License-Identifier: Apache-2.0
// Ref<T>: a shared reference to an object that counts its own references, without atomics.
// Invariant: one thread only. A T derives from RefCounted<T> and starts with one reference,
// which Ref::adopt() takes over; the last Ref calls T::release_last(), by default `delete`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace buzon::bus {

template <typename T>
class RefCounted {
public:
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;
    RefCounted(RefCounted&&) = delete;
    RefCounted& operator=(RefCounted&&) = delete;

    void add_reference() const { ++references_; }
    void drop_reference() const {
        if (--references_ == 0) T::release_last(static_cast<const T*>(this));
    }
    /// Whoever holds it is alone with it.
    [[nodiscard]] bool has_one_reference() const { return references_ == 1; }
    static void release_last(const T* last) { delete last; }

protected:
    RefCounted() = default;
    ~RefCounted() = default;
    /// For a T that returns to a pool and is handed out again.
    void revive() const { references_ = 1; }

private:
    mutable std::uint32_t references_ = 1;
};

template <typename T>
class Ref {
public:
    constexpr Ref() = default;
    constexpr Ref(std::nullptr_t) {}
    /// Takes over the reference that `object` was created with.
    static Ref adopt(T* object) {
        Ref ref;
        ref.object_ = object;
        return ref;
    }
    Ref(const Ref& other) : object_(other.object_) {
        if (object_) object_->add_reference();
    }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    /// Ref<T> converts to Ref<const T>.
    template <typename U>
    Ref(const Ref<U>& other) : object_(other.get()) {
        if (object_) object_->add_reference();
    }
    template <typename U>
    Ref(Ref<U>&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (object_) object_->drop_reference();
    }

    [[nodiscard]] T* get() const { return object_; }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }
    friend bool operator==(const Ref& left, const Ref& right) {
        return left.object_ == right.object_;
    }

private:
    template <typename U>
    friend class Ref;

    T* object_ = nullptr;
};

template <typename T, typename... Arguments>
Ref<T> make_ref(Arguments&&... arguments) {
    return Ref<T>::adopt(new T(std::forward<Arguments>(arguments)...));
}

}  // namespace buzon::bus

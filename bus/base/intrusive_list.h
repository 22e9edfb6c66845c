// SPDX-License-Identifier: Apache-2.0
// Doubly linked membership without allocation: a T derives from ListLink<Tag> for each list that it
// may stand in, at most once per Tag. A link takes itself out of its list when it is destroyed.
// Lists neither own nor copy their members.
#pragma once

#include <cassert>

namespace buzon::bus {

template <typename Tag>
class ListLink {
public:
    ListLink() = default;
    ListLink(const ListLink&) = delete;
    ListLink& operator=(const ListLink&) = delete;
    ListLink(ListLink&&) = delete;
    ListLink& operator=(ListLink&&) = delete;
    ~ListLink() { unlink(); }

    [[nodiscard]] bool is_linked() const { return next_ != nullptr; }
    void unlink() {
        if (!next_) return;
        next_->previous_ = previous_;
        previous_->next_ = next_;
        next_ = previous_ = nullptr;
    }

private:
    template <typename T, typename OtherTag>
    friend class IntrusiveList;
    ListLink* next_ = nullptr;
    ListLink* previous_ = nullptr;
};

template <typename T, typename Tag>
class IntrusiveList {
public:
    IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;
    IntrusiveList(IntrusiveList&&) = delete;
    IntrusiveList& operator=(IntrusiveList&&) = delete;
    ~IntrusiveList() {
        while (!empty())
            front().ListLink<Tag>::unlink();
    }

    [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
    [[nodiscard]] T& front() {
        assert(!empty());
        return *static_cast<T*>(head_.next_);
    }
    [[nodiscard]] const T& front() const {
        assert(!empty());
        return *static_cast<const T*>(head_.next_);
    }
    /// `member` must not be in a list of this Tag.
    void push_back(T& member) {
        Link& link = member;
        assert(!link.is_linked());
        link.previous_ = head_.previous_;
        link.next_ = &head_;
        head_.previous_->next_ = &link;
        head_.previous_ = &link;
    }
    /// Moves all members of `other` behind the own ones.
    void splice_back(IntrusiveList& other) {
        if (other.empty()) return;
        Link* first = other.head_.next_;
        Link* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
    }
    /// Visits each member; the visitor may unlink or destroy the one it is given, no other.
    template <typename Visitor>
    void for_each(Visitor&& visit) {
        for (Link* link = head_.next_; link != &head_;) {
            Link* next = link->next_;
            visit(*static_cast<T*>(link));
            link = next;
        }
    }

private:
    using Link = ListLink<Tag>;
    Link head_;
};

}  // namespace buzon::bus

// SPDX-License-Identifier: Apache-2.0
#include "broker/match_rule.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/broker/match_fixtures.h"

namespace buzon::broker {
namespace {

std::optional<MatchRuleError> error_of(std::string_view text) {
    const auto rule = parse_match_rule(text);
    return rule ? std::nullopt : std::optional(rule.error());
}

// Texts that dbus-daemon 1.14.10 accepts, and what its GetAllMatchRules then shows.
constexpr struct {
    std::string_view text, canonical;
} kAccepted[] = {
    {"", ""},
    {" ", ""},
    {"\t\r\n ", ""},
    {"=", ""},
    {" =", ""},
    {"=x", ""},
    {"=x,type=signal", ""},
    {"=,=", ""},
    {"type='signal',", "type='signal'"},
    {"type='signal', \t", "type='signal'"},
    {"type='signal',=", "type='signal'"},
    {"type='signal',=x,member=Y", "type='signal'"},
    {"arg0=x, =,foo", "arg0='x'"},
    {"type=signal", "type='signal'"},
    {"type=''signal", "type='signal'"},
    {"type=si'gn'al", "type='signal'"},
    {"type ='signal'", "type='signal'"},
    {"member\n='x'", "member='x'"},
    {"\r type=method_call", "type='method_call'"},
    {"type=method_return", "type='method_return'"},
    {"type=error", "type='error'"},
    {R"(arg0=a\'b)", R"(arg0='a'\''b')"},
    {R"(arg0='a\''b')", R"(arg0='a\b')"},
    {R"(arg0='it'\''s')", R"(arg0='it'\''s')"},
    {R"(arg0=\''x')", R"(arg0=''\''x')"},
    {R"(arg0=a\b)", R"(arg0='a\b')"},
    {R"(arg0=a\\b)", R"(arg0='a\\b')"},
    {R"(arg0=a\)", R"(arg0='a\')"},
    {R"(arg0=\\,arg1=x)", R"(arg0='\\',arg1='x')"},
    {R"(arg0=a\\'b,c')", R"(arg0='a\\b,c')"},
    {R"(arg0=a\,b,arg1=c)", R"(arg0='a\,b',arg1='c')"},
    {"arg0='a,b'", "arg0='a,b'"},
    {"arg0=a b ,arg1=x", "arg0='a b ',arg1='x'"},
    {"arg0= 'x' ", "arg0=' x '"},
    {"arg0=a=b", "arg0='a=b'"},
    {"arg0=,arg1=", "arg0='',arg1=''"},
    {"arg0=\n\x01\xc3\xa9", "arg0='\n\x01\xc3\xa9'"},
    {"arg01=x", "arg1='x'"},
    {"arg063=x", "arg51='x'"},
    {"arg0x1path=x", "arg1path='x'"},
    {"arg+1=x", "arg1='x'"},
    {"arg63=x", "arg63='x'"},
    {"arg1 =x", "arg1='x'"},
    {"arg0path=a b", "arg0path='a b'"},
    {"arg0path=", "arg0path=''"},
    {"arg00path=/a/", "arg0path='/a/'"},
    {"arg0path=x,arg1=y", "arg0path='x',arg1='y'"},
    {"arg0namespace=a", "arg0namespace='a'"},
    {"arg0namespace=:1.2", "arg0namespace=':1.2'"},
    {"arg0namespace=a-b", "arg0namespace='a-b'"},
    {"path=/", "path='/'"},
    {"path_namespace=/", "path_namespace='/'"},
    {"sender=:1", "sender=':1'"},
    {"sender=org.freedesktop.DBus", "sender='org.freedesktop.DBus'"},
    {"eavesdrop=true", "eavesdrop='true'"},
    {"eavesdrop=false", ""},
    {"eavesdrop=true,eavesdrop=false", ""},
    {"eavesdrop=false,eavesdrop='tr'ue", "eavesdrop='true'"},
    {"path_namespace=/a,member=M,interface=a.b,type=signal,destination=:1.1,sender=c.d,"
     "eavesdrop=true,arg10='q',arg2=x,arg0path=/p",
     "type='signal',interface='a.b',member='M',path_namespace='/a',sender='c.d',"
     "destination=':1.1',eavesdrop='true',arg0path='/p',arg2='x',arg10='q'"},
};

TEST(ParseMatchRule, AcceptsWhatTheReferenceAccepts) {
    for (const auto& [text, canonical] : kAccepted) {
        const auto rule = parse_match_rule(text);
        ASSERT_TRUE(rule) << text << ": " << describe(rule.error());
        EXPECT_EQ(to_text(*rule), canonical) << text;
    }
}

TEST(ToText, ParsesToTheSameRule) {
    for (const auto& [text, canonical] : kAccepted) {
        EXPECT_EQ(*parse_match_rule(canonical), *parse_match_rule(text)) << text;
    }
}

constexpr struct {
    std::string_view text;
    MatchRuleError error;
} kRefused[] = {
    {",", MatchRuleError::EmptyPair},
    {" ,", MatchRuleError::EmptyPair},
    {",,", MatchRuleError::EmptyPair},
    {"type='signal',,", MatchRuleError::EmptyPair},
    {"type='signal', ,", MatchRuleError::EmptyPair},
    {",type=signal", MatchRuleError::UnknownKey},
    {"type", MatchRuleError::KeyWithoutValue},
    {"type='signal',interface", MatchRuleError::KeyWithoutValue},
    {"arg0=a,b", MatchRuleError::KeyWithoutValue},
    {"foo bar=x", MatchRuleError::KeyWithoutValue},
    {"arg 1=x", MatchRuleError::KeyWithoutValue},
    {"\\", MatchRuleError::KeyWithoutValue},
    {"type='signal", MatchRuleError::UnterminatedQuote},
    {R"(arg0='a\'b')", MatchRuleError::UnterminatedQuote},
    {R"(arg0='\)", MatchRuleError::UnterminatedQuote},
    {"arg0=a'", MatchRuleError::UnterminatedQuote},
    {"foo=bar", MatchRuleError::UnknownKey},
    {"Type=signal", MatchRuleError::UnknownKey},
    {"'type'='signal'", MatchRuleError::UnknownKey},
    {"\x0btype=signal", MatchRuleError::UnknownKey},
    {"type=signal,type=signal", MatchRuleError::DuplicateKey},
    {"sender=a.b,sender=a.b", MatchRuleError::DuplicateKey},
    {"path=/a,path_namespace=/b", MatchRuleError::DuplicateKey},
    {"path_namespace=/,path_namespace=/", MatchRuleError::DuplicateKey},
    {"arg0=a,arg0=a", MatchRuleError::DuplicateKey},
    {"arg1=x,arg01=y", MatchRuleError::DuplicateKey},
    {"arg0path=x,arg0=y", MatchRuleError::DuplicateKey},
    {"arg0namespace=a,arg0path=b", MatchRuleError::DuplicateKey},
    {"type=", MatchRuleError::BadType},
    {"type= signal", MatchRuleError::BadType},
    {"type=signal ,member=M", MatchRuleError::BadType},
    {"type='signal'x", MatchRuleError::BadType},
    {R"(type=\'signal)", MatchRuleError::BadType},
    {"type=invalid", MatchRuleError::BadType},
    {"member=a.b", MatchRuleError::BadName},
    {"member=", MatchRuleError::BadName},
    {"interface=a", MatchRuleError::BadName},
    {"interface=a.b-c", MatchRuleError::BadName},
    {"sender=a", MatchRuleError::BadName},
    {"sender=", MatchRuleError::BadName},
    {"destination=x", MatchRuleError::BadName},
    {"arg0namespace=", MatchRuleError::BadName},
    {"arg0namespace=a..b", MatchRuleError::BadName},
    {"arg0namespace=1a", MatchRuleError::BadName},
    {"arg0namespace='a' ", MatchRuleError::BadName},
    {"path=", MatchRuleError::BadPath},
    {"path=/a/", MatchRuleError::BadPath},
    {"path_namespace=", MatchRuleError::BadPath},
    {"path_namespace=/a/", MatchRuleError::BadPath},
    {"eavesdrop=TRUE", MatchRuleError::BadEavesdrop},
    {"eavesdrop=", MatchRuleError::BadEavesdrop},
    {"arg64=x", MatchRuleError::BadArgumentIndex},
    {"arg0x40=x", MatchRuleError::BadArgumentIndex},
    {"arg-1=x", MatchRuleError::BadArgumentIndex},
    {"arg4294967296=x", MatchRuleError::BadArgumentIndex},
    {"arg18446744073709551616=x", MatchRuleError::BadArgumentIndex},
    {"arg=x", MatchRuleError::BadArgumentIndex},
    {"argx=x", MatchRuleError::BadArgumentIndex},
    {"arg08=x", MatchRuleError::UnknownKey},
    {"arg0pathx=b", MatchRuleError::UnknownKey},
    {"arg0Path=b", MatchRuleError::UnknownKey},
    {"arg1namespace=a", MatchRuleError::UnknownKey},
    {"arg00namespace=a", MatchRuleError::UnknownKey},
};

TEST(ParseMatchRule, NamesTheFirstViolation) {
    for (const auto& [text, error] : kRefused)
        EXPECT_EQ(error_of(text), error) << text;
}

TEST(ParseMatchRule, TakesTextsUpToTheLimit) {
    const std::string longest = "arg0=" + std::string(kMaxMatchRuleBytes - 5, 'a');
    EXPECT_EQ(error_of(longest), std::nullopt);
    EXPECT_EQ(error_of(longest + "a"), MatchRuleError::TooLong);
    EXPECT_EQ(error_of(std::string(kMaxMatchRuleBytes, ' ')), std::nullopt);
    EXPECT_EQ(error_of(std::string(kMaxMatchRuleBytes + 1, ',')), MatchRuleError::TooLong);
}

TEST(ParseMatchRule, TakesAllArgumentsAtOnce) {
    std::string text;
    for (unsigned i = kMaxMatchArguments; i-- > 0;)
        text += "arg" + std::to_string(i) + "=v,";
    const auto rule = parse_match_rule(text);
    ASSERT_TRUE(rule);
    ASSERT_EQ(rule->arguments.size(), kMaxMatchArguments);
    for (unsigned i = 0; i < kMaxMatchArguments; ++i)
        EXPECT_EQ(rule->arguments[i].index, i);
}

TEST(MatchRule, IsEqualByContent) {
    constexpr std::pair<std::string_view, std::string_view> kEqual[] = {
        {"type=signal,member=M", "member='M', type='signal'"},
        {"arg1=a,arg0=b", "arg0=b,arg1=a"},
        {"eavesdrop=false", ""},
    };
    for (const auto& [one, other] : kEqual) {
        EXPECT_EQ(*parse_match_rule(one), *parse_match_rule(other));
    }
    constexpr std::pair<std::string_view, std::string_view> kDifferent[] = {
        {"path_namespace=/a", "path_namespace=/b"},
        {"path_namespace=/a", "path=/a"},
        {"arg0=a", "arg0path=a"},
        {"arg0=a", "arg1=a"},
        {"arg0=", ""},
        {"eavesdrop=true", ""},
    };
    for (const auto& [one, other] : kDifferent) {
        EXPECT_NE(*parse_match_rule(one), *parse_match_rule(other));
    }
}

// One signal, and rules that match it or do not.
constexpr struct {
    std::string_view rule;
    bool matches;
} kSignalCases[] = {
    {"", true},
    {"type=signal", true},
    {"type=method_call", false},
    {"sender=:1.7", true},
    {"sender=:1.8", false},
    {"sender=org.example.Mail", true},
    {"sender=org.example.Other", false},
    {"sender=org.freedesktop.DBus", false},
    {"interface=org.example.Folder", true},
    {"interface=org.example.Folders", false},
    {"member=Changed", true},
    {"member=Change", false},
    {"path=/org/mail/1", true},
    {"path=/org/mail", false},
    {"path_namespace=/org/mail/1", true},
    {"path_namespace=/org/mail", true},
    {"path_namespace=/", true},
    {"path_namespace=/org/mai", false},
    {"path_namespace=/org/mail/1/2", false},
    {"destination=:1.7", false},
    {"destination=:1.7,eavesdrop=true", false},
    {"eavesdrop=true", true},
    {"arg0=org.example.a", true},
    {"arg0=org.example", false},
    {"arg0namespace=org.example", true},
    {"arg0namespace=org", true},
    {"arg0namespace=org.example.a", true},
    {"arg0namespace=org.exam", false},
    {"arg0path=org.example.a", true},
    {"arg1=/aa/bb", false},
    {"arg1path=/aa/bb", true},
    {"arg1path=/aa/", true},
    {"arg1path=/", true},
    {"arg1path=/aa", false},
    {"arg1path=/aa/bb/", false},
    {"arg1path=/aa/bb/cc", false},
    {"arg2path=/aa/", true},
    {"arg2path=/aa/bb", true},
    {"arg2path=/aa/bb/cc/dd", true},
    {"arg2path=/", true},
    {"arg2path=/ab", false},
    {"arg2path=/aa", false},
    {"arg2path=", false},
    {"arg3=", true},
    {"arg3path=", true},
    {"arg3path=/", false},
    {"arg4=", false},
    {"arg5=", false},
    {"arg4path=", false},
    {"type=signal,sender=org.example.Mail,interface=org.example.Folder,member=Changed,"
     "path=/org/mail/1,arg0=org.example.a,arg1path=/aa/",
     true},
    {"type=signal,member=Changed,arg0=org.example.a,arg3=x", false},
};

TEST(Matches, ABroadcastSignal) {
    const GivenNames names({"org.example.Mail", "org.example.Post"});
    Arguments arguments({TextArgument{TextArgument::Kind::String, "org.example.a"},
                         TextArgument{TextArgument::Kind::ObjectPath, "/aa/bb"},
                         TextArgument{TextArgument::Kind::String, "/aa/"},
                         TextArgument{TextArgument::Kind::String, ""}, std::nullopt});
    MatchSubject subject;
    subject.type = 4;
    subject.interface = "org.example.Folder";
    subject.member = "Changed";
    subject.path = "/org/mail/1";
    subject.sender = ":1.7";
    subject.sender_names = &names;
    subject.arguments = &arguments;
    for (const auto& [rule, matches] : kSignalCases) {
        EXPECT_EQ(parse_match_rule(rule)->matches(subject), matches) << rule;
    }
}

TEST(Matches, UnicastOnlyForEavesdroppers) {
    const GivenNames names({"org.example.Mail"});
    MatchSubject subject;
    subject.type = 1;
    subject.member = "Get";
    subject.destination = "org.example.Mail";
    subject.sender = ":1.3";
    subject.recipient = ":1.7";
    subject.recipient_names = &names;
    constexpr std::pair<std::string_view, bool> kCases[] = {
        {"member=Get", false},
        {"destination=org.example.Mail", false},
        {"eavesdrop=true", true},
        {"eavesdrop=true,destination=org.example.Mail", true},
        {"eavesdrop=true,destination=:1.7", true},
        {"eavesdrop=true,destination=:1.3", false},
        {"eavesdrop=true,interface=a.b", false},
        {"eavesdrop=true,path_namespace=/", false},
        {"eavesdrop=true,arg0=", false},
    };
    for (const auto& [rule, matches] : kCases) {
        EXPECT_EQ(parse_match_rule(rule)->matches(subject), matches) << rule;
    }
}

TEST(Matches, DestinationByItsTextWhereNobodyHasTheName) {
    MatchSubject subject;
    subject.type = 1;
    subject.destination = "org.example.Gone";
    subject.sender = ":1.3";
    EXPECT_TRUE(parse_match_rule("eavesdrop=true,destination=org.example.Gone")->matches(subject));
    EXPECT_FALSE(parse_match_rule("eavesdrop=true,destination=:1.3")->matches(subject));
}

TEST(Matches, UnknownTypesForRulesWithoutType) {
    MatchSubject subject;
    subject.type = 9;
    EXPECT_TRUE(MatchRule{}.matches(subject));
    EXPECT_FALSE(parse_match_rule("type=signal")->matches(subject));
}

TEST(Matches, ReadsNoFurtherThanItMust) {
    Arguments arguments({TextArgument{TextArgument::Kind::String, "a"},
                         TextArgument{TextArgument::Kind::String, "b"}});
    MatchSubject subject;
    subject.type = 4;
    subject.arguments = &arguments;
    EXPECT_FALSE(parse_match_rule("arg0=x,arg1=b")->matches(subject));
    EXPECT_EQ(arguments.highest_asked(), 0);
}

}  // namespace
}  // namespace buzon::broker

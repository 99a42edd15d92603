import OCISpec
import Testing

@testable import CLICore

@Suite struct TemplateTests {
    static let document = #"""
        {"Name":"web","Id":"abc","Running":true,"Zero":0,"N":7,"Big":18446744073709551615,"F":1.5,"Empty":"","None":null,
         "List":["a","b"],"Map":{"k":"v","a":"b"},"Nested":{"Deep":{"Leaf":"x"}},"Ports":{"80/tcp":[{"HostIp":"","HostPort":"81"}]},"Text":"a<b>\"c\""}
        """#

    static let cases: [(String, String)] = [
        ("plain", "plain"), ("{{.Name}}", "web"), ("{{ .Name }}!", "web!"), ("{{.ID}}", "abc"), ("{{.Nested.Deep.Leaf}}", "x"),
        ("{{.List}}", "[a b]"), ("{{.Map}}", "map[a:b k:v]"), ("{{.None}}", "<no value>"), ("{{.Running}} {{.N}} {{.F}}", "true 7 1.5"),
        ("{{.Big}}", "18446744073709551615"), ("{{json .List}}", #"["a","b"]"#), ("{{json .Text}}", #""a\u003cb\u003e\"c\"""#), ("{{json .None}}", "null"),
        ("{{if .Running}}yes{{else}}no{{end}}", "yes"), ("{{if .Empty}}yes{{else if .Zero}}zero{{else}}no{{end}}", "no"), ("{{if not .None}}none{{end}}", "none"),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b>"), ("{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}", "0=a 1=b "), ("{{range $k, $v := .Map}}{{$k}}:{{$v}};{{end}}", "a:b;k:v;"),
        ("{{range .None}}x{{else}}empty{{end}}", "empty"), ("{{range $p, $c := .Ports}}{{$p}} -> {{(index $c 0).HostPort}}{{end}}", "80/tcp -> 81"),
        ("{{with .Nested}}{{.Deep.Leaf}}{{end}}", "x"), ("{{with .Empty}}x{{else}}y{{end}}", "y"), ("{{$x := .Name}}{{$x}}{{$.Id}}", "webabc"),
        ("{{index .Map \"k\"}}", "v"), ("{{index .List 1}}", "b"), ("{{index .Ports \"80/tcp\" 0}}", "map[HostIp: HostPort:81]"), ("{{len .List}}{{len .Name}}", "23"),
        ("{{join .List \"+\"}}", "a+b"), ("{{upper .Name}} {{lower \"ABC\"}} {{title \"a bc\"}}", "WEB abc A Bc"), ("{{.Name | upper | printf \"%s-%d\" }}", "WEB-%!d(MISSING)"),
        ("{{printf \"%-5s|%5s|%q|%v|%d|%%\" .Name .Name .Name .List .N}}", "web  |  web|\"web\"|[a b]|7|%"), ("{{println .Name .N}}", "web 7\n"), ("{{print .Name .N}}", "web7"),
        ("{{split \"a,b\" \",\"}}", "[a b]"), ("{{truncate .Name 2}}", "we"), ("{{pad .Name 1 2}}", " web  "),
        ("{{eq .Name \"web\"}} {{ne .N 7}} {{eq .N 1 7}} {{lt .N 8}} {{ge .N 8}}", "true false true true false"), ("{{and .Running .N}} {{or .Empty .Zero \"d\"}}", "7 d"),
        ("a {{- .Name -}} b", "awebb"), ("{{/* nothing */}}x", "x"), ("{{`raw \"x\"`}}", "raw \"x\""), ("{{\"a\\tb\"}}", "a\tb"),
        ("{{if and (eq .Name \"web\") (gt .N 5)}}both{{end}}", "both"),
    ]

    @Test("prints what Go prints", arguments: cases)
    func prints(template: String, expected: String) throws {
        #expect(try Template(parsing: template).render(json(Self.document)) == expected)
    }

    static let unreadable: [(String, String)] = [
        ("{{.Foo", "template: :1: unclosed action"), ("{{end}}", "template: :1: unexpected {{end}}"), ("{{if .A}}", "template: :1: unexpected EOF"),
        ("{{}}", "template: :1: missing value for command"), ("{{nope .A}}", "template: :1: function \"nope\" not defined"), ("{{(.A}}", "template: :1: unclosed left paren"),
        ("{{\"a}}", "template: :1: unterminated quoted string"), ("{{$x}}", "template: :1: undefined variable \"$x\""),
        ("{{.Nope}}", "template: :1:2: executing \"\" at <.Nope>: map has no entry for key \"Nope\""), ("{{index .List 9}}", "template: :1: error calling index: index out of range: 9"),
        ("{{.Name.More}}", "template: :1:2: executing \"\" at <.More>: can't evaluate field More"),
    ]

    @Test("what cannot be read or done is said", arguments: unreadable)
    func says(template: String, why: String) {
        #expect(reason { _ = try Template(parsing: template).render(json(Self.document)) } == why)
    }

    @Test(".Label finds labels, which are no field") func labels() throws {
        let template = try Template(parsing: "{{.Label \"a\"}}|{{.Label \"b\"}}")
        #expect(try template.render(.object([]), labels: ["a": "1"]) == "1|")
    }
}

// ResponseHead owns what an answer says before its body, and its bytes.

/// Status and headers of an answer.
struct ResponseHead: Sendable, Equatable {
    /// The status code.
    var status: Int
    /// Headers in order.
    var headers: [(name: String, value: String)]

    /// A head of these.
    init(_ status: Int, _ headers: [(name: String, value: String)] = []) {
        self.status = status
        self.headers = headers
    }

    static func == (left: ResponseHead, right: ResponseHead) -> Bool {
        left.status == right.status && left.headers.elementsEqual(right.headers, by: ==)
    }

    /// Whether an answer with this status never has a body.
    var forbidsBody: Bool { status == 204 || status == 304 || status < 200 }

    /// The bytes, the empty line included. Line breaks in a value are dropped, so that no value can end it early.
    var bytes: [UInt8] {
        var text = "HTTP/1.1 \(status) \(Self.reason(status))\r\n"
        for header in headers { text += "\(header.name): \(header.value.filter { !$0.isNewline && $0 != "\0" })\r\n" }
        return Array((text + "\r\n").utf8)
    }

    /// The words behind a status code.
    static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "UPGRADED"
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Request Entity Too Large"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}

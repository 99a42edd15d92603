// One line of a progress stream (load, import, later pull, push and build).
import OCISpec

/// One message of a progress stream: absent members are not sent.
public struct JSONMessage: Codable, Hashable, Sendable {
    /// Text to print as it is.
    @OmitZero public var stream: String
    /// What is going on.
    @OmitZero public var status: String
    /// How far.
    public var progressDetail: ProgressDetail?
    /// How far, drawn for old clients.
    @OmitZero public var progress: String
    /// What it is about, such as a layer.
    @OmitZero public var id: String
    /// The error that ends the stream.
    public var errorDetail: ErrorDetail?
    /// Its text.
    @OmitZero public var error: String
    /// A result.
    public var aux: JSONValue?

    /// The zero value; set what you need.
    public init() {}

    /// Text to print as it is.
    public static func stream(_ text: String) -> JSONMessage {
        var message = JSONMessage()
        message.stream = text
        return message
    }

    /// What is going on with `id`.
    public static func status(_ text: String, id: String = "", current: Int64? = nil, total: Int64? = nil) -> JSONMessage {
        var message = JSONMessage()
        message.status = text
        message.id = id
        if current != nil || total != nil {
            var detail = ProgressDetail()
            detail.current = current ?? 0
            detail.total = total ?? 0
            message.progressDetail = detail
        }
        return message
    }

    /// The error that ends the stream.
    public static func failure(_ text: String, code: Int = 0) -> JSONMessage {
        var message = JSONMessage()
        message.error = text
        var detail = ErrorDetail()
        detail.code = code
        detail.message = text
        message.errorDetail = detail
        return message
    }

    private enum CodingKeys: String, CodingKey {
        case stream, status, progressDetail, progress, id, errorDetail, error, aux
    }
}

/// How far something is.
public struct ProgressDetail: Codable, Hashable, Sendable {
    /// Units done.
    @OmitZero public var current: Int64
    /// Units in all.
    @OmitZero public var total: Int64
    /// What is counted; empty is bytes.
    @OmitZero public var units: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case current, total, units
    }
}

/// The error that ends a progress stream.
public struct ErrorDetail: Codable, Hashable, Sendable {
    /// Code.
    @OmitZero public var code: Int
    /// Text.
    @OmitZero public var message: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case code, message
    }
}

/// The body of an answer that says no.
public struct ErrorResponse: Codable, Hashable, Sendable {
    /// Text.
    @Zero public var message: String

    /// The zero value; set what you need.
    public init() {}

    /// This text.
    public init(message: String) { self.message = message }

    private enum CodingKeys: String, CodingKey {
        case message
    }
}

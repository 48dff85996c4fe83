// Types of arguments and fields, with the expressions that give their lengths.

extension Parser {
    mutating func type() throws(DescriptionError) -> TypeSyntax {
        let line = line
        var syntax = TypeSyntax(head: try word(), line: line)
        switch syntax.head {
        case "in", "out", "inout":
            // What follows the pointee's type belongs to the pointer: when it is followed, how what is there compares.
            var target = try type()
            (syntax.isAlways, syntax.isOnlyOfFailure) = (target.isAlways, target.isOnlyOfFailure)
            syntax.condition = target.condition
            target.condition = nil
            // A scalar of a name space keeps it: the pointee's own type knows which.
            if target.rule != "renamed" { syntax.rule = target.rule }
            syntax.target = [target]
            return syntax
        case "struct":
            syntax.parameters = [.name(try word(), scale: 1)]
            if accept("[") {
                syntax.parameters.append(try expression())
                try expect("]")
            }
        default:
            if at("[") {
                position += 1
                while !accept("]") {
                    syntax.parameters.append(try expression())
                    _ = accept(",")
                }
            }
            if at(":"), current.isGlued {
                position += 1
                syntax.suffix = try word()
            }
        }
        syntax.creates = accept("+")
        while accept("@") {
            let rule = try word()
            switch rule {
            case "always": syntax.isAlways = true
            case "failed": (syntax.isAlways, syntax.isOnlyOfFailure) = (true, true)
            default: syntax.rule = rule
            }
        }
        syntax.condition = try condition()
        return syntax
    }

    mutating func condition() throws(DescriptionError) -> (name: String, mask: UInt64)? {
        guard accept("when") else { return nil }
        let name = try word()
        try expect("&")
        return (name, try constant())
    }

    private mutating func expression() throws(DescriptionError) -> Expression {
        if accept("*") {
            return .pointee(try word(), scale: try scale())
        }
        if current.kind == .number {
            return .number(UInt64(try count()))
        }
        if at("min") {
            position += 1
            try expect("(")
            let left = try expression()
            _ = accept(",")
            let right = try expression()
            try expect(")")
            let minimum = Expression.minimum(left, right)
            return accept("+") ? .sum(minimum, try count()) : minimum
        }
        let isCreating = at("+", ahead: 1) && tokens[min(position + 2, tokens.count - 1)].kind != .number
        if at("struct") || at("[", ahead: 1) || at(":", ahead: 1) || at("@", ahead: 1) || isCreating || at("in")
            || at("out") || at("inout")
        {
            return .type(try type())
        }
        let name = try word()
        let scaled = Expression.name(name, scale: try scale())
        return accept("+") ? .sum(scaled, try count()) : scaled
    }

    private mutating func scale() throws(DescriptionError) -> Int {
        guard accept("*") else { return 1 }
        return try count()
    }
}

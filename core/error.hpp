#pragma once

#include <stdexcept>
#include <string>

namespace tilewise {

/// Base of every exception that the library throws. `what()` is one line that names the argument,
/// layer or file, what was found, and what was expected.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument is outside its documented range.
class ArgumentError : public Error {
 public:
  using Error::Error;
};

/// Shapes do not fit together, are negative, or overflow.
class ShapeError : public ArgumentError {
 public:
  using ArgumentError::ArgumentError;
};

/// A file is missing, unreadable, malformed, or cannot be written.
class FileError : public Error {
 public:
  using Error::Error;
};

/// Training produced a NaN or an infinity.
class DivergedError : public Error {
 public:
  using Error::Error;
};

}  // namespace tilewise

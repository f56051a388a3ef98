#include "tilewise/train/csv_log.hpp"

namespace tilewise {

void CsvLog::append(const EpochRecord& record) {
  file_.append(CsvRow()
                   .add(std::int64_t{record.epoch})
                   .add(record.accuracy)
                   .add(record.loss)
                   .add(record.val_accuracy)
                   .add(record.val_loss)
                   .add(record.learning_rate)
                   .add(record.seconds)
                   .add(record.images_per_second));
}

}  // namespace tilewise
